"""What a collector counts, in Prometheus' text format, summed over its workers.

Counters are 64-bit integers in one file in memory, a row for each worker: any of them can answer for all. No library:
the one there is for this format keeps files for each process and kind of metric, to do the same for metrics that are
not known ahead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from collect import CollectError
from collect.mapped import mapped

# Seconds; commits and requests alike.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STATUSES = ("200", "400", "401", "413", "415", "429", "500", "503", "other")
_COUNTERS = {
    "events_accepted": "Events made durable in the log.",
    "events_duplicate": "Events that were durable already, by their message id.",
    "events_dead": "Events sent to the dead letters.",
    "events_violations": "Violations of the tracking plan.",
    "validation_failures": "Events that the tracking plan failed to judge.",
    "body_bytes": "Bytes of request bodies, as they came.",
    "commits": "Commits of the log.",
    "commit_failures": "Commits of the log that failed.",
}
_HISTOGRAMS = {
    "request_seconds": "Seconds from a request to its answer.",
    "commit_seconds": "Seconds a commit of the log takes.",
}
_SERIES = [*_COUNTERS, *(f"requests:{status}" for status in STATUSES)] + [
    f"{name}:{part}" for name in _HISTOGRAMS for part in (*map(str, BOUNDS), "+Inf", "sum")
]
_PLACE = {name: index for index, name in enumerate(_SERIES)}
_ROW = len(_SERIES)
_MICRO = 1_000_000


class Metrics:
    """The counters of one worker, and the sum of all."""

    def __init__(self, path: Path, *, worker: int = 0, workers: int = 1) -> None:
        """Open the file for ``workers`` rows and begin this worker's at 0 when the file is made anew."""
        size = workers * _ROW * 8
        try:
            self._all = memoryview(mapped(path, size)).cast("Q")
        except OSError as error:
            raise CollectError(f"{path} cannot be opened ({error.strerror or error}): give another folder.") from None
        self._base, self._workers = worker * _ROW, workers

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        self._all[self._base + _PLACE[name]] += amount

    def answered(self, status: int, seconds: float) -> None:
        """A request was answered."""
        label = str(status)
        self.count(f"requests:{label if label in STATUSES else 'other'}")
        self.observe("request_seconds", seconds)

    def observe(self, name: str, seconds: float) -> None:
        """Add to a histogram."""
        at = bisect_left(BOUNDS, seconds)
        place = self._base + _PLACE[f"{name}:{BOUNDS[0]}"]
        self._all[place + at] += 1
        self._all[place + len(BOUNDS) + 1] += int(seconds * _MICRO)

    def value(self, name: str) -> int:
        """The sum of a series over all workers."""
        return sum(self._all[row * _ROW + _PLACE[name]] for row in range(self._workers))

    def text(self, gauges: Iterable[tuple[str, str, float]] = ()) -> str:
        """All series, and gauges as (name, help, value)."""
        lines: list[str] = []

        def head(name: str, kind: str, about: str) -> None:
            lines.extend((f"# HELP braid_collect_{name} {about}", f"# TYPE braid_collect_{name} {kind}"))

        for name, about in _COUNTERS.items():
            head(f"{name}_total", "counter", about)
            lines.append(f"braid_collect_{name}_total {self.value(name)}")
        head("requests_total", "counter", "Requests by the status of their answer.")
        for status in STATUSES:
            lines.append(f'braid_collect_requests_total{{status="{status}"}} {self.value(f"requests:{status}")}')
        for name, about in _HISTOGRAMS.items():
            head(name, "histogram", about)
            running = 0
            for bound in (*map(str, BOUNDS), "+Inf"):
                running += self.value(f"{name}:{bound}")
                lines.append(f'braid_collect_{name}_bucket{{le="{bound}"}} {running}')
            lines.append(f"braid_collect_{name}_sum {self.value(f'{name}:sum') / _MICRO}")
            lines.append(f"braid_collect_{name}_count {running}")
        for name, about, value in gauges:
            head(name, "gauge", about)
            lines.append(f"braid_collect_{name} {value:g}")
        return "\n".join(lines) + "\n"
