"""What commands print: tables on stdout that pipes can read, progress on stderr when somebody watches."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import click

# Control characters of both sets, separators of lines, surrogates, and marks that change the direction of writing.
_STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def say(sentence: str) -> None:
    """A remark about the work, on stderr: stdout is for results."""
    click.echo(f"braid: {sentence}", err=True)


def plain(text: str) -> str:
    """Text that others wrote, for a terminal: what would steer it, or turn its lines round, as JSON escapes it.

    Line feeds stay.
    """
    return _STEERS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def as_json(value: Any) -> str:
    """Indented JSON; times as ISO 8601, without an offset when naive UTC."""

    def other(item: Any) -> Any:
        if isinstance(item, datetime | date):
            return item.isoformat()
        return str(item)

    return plain(json.dumps(value, indent=2, default=other, ensure_ascii=False))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: frozenset[int] = frozenset()) -> str:
    """Columns by spaces; ``right`` holds the positions of those aligned to the right (numbers). None is a dash."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headers), *cells]) for column in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if column in right else value.ljust(width)
            for column, (value, width) in enumerate(zip(values, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(list(headers)), line(["-" * width for width in widths]), *(line(row) for row in cells)])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return plain(str(value)).replace("\n", "\\n")


def ago(seconds: float | None) -> str | None:
    """A length of time for people: ``3 min``, ``2 h 5 min``, ``4 d 1 h``."""
    if seconds is None:
        return None
    span = timedelta(seconds=max(0, round(seconds)))
    if span < timedelta(minutes=1):
        return f"{span.seconds} s"
    if span < timedelta(hours=1):
        return f"{span.seconds // 60} min"
    if span < timedelta(days=1):
        return f"{span.seconds // 3600} h {span.seconds % 3600 // 60} min"
    return f"{span.days} d {span.seconds // 3600} h"


class RowProgress:
    """One line per object with the rows read so far, on stderr when it is a terminal; silent otherwise."""

    def __init__(self, bars: Any | None) -> None:
        """``bars`` is a rich Progress, or None to show nothing."""
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self.current: str | None = None

    def __call__(self, name: str, rows: int) -> None:
        """``rows`` more rows of ``name`` were read."""
        self.current = name
        if self._bars is None:
            return
        if name not in self._tasks:
            for task in self._tasks.values():
                self._bars.stop_task(task)
            self._tasks[name] = self._bars.add_task(name, total=None)
        self._bars.advance(self._tasks[name], rows)


@contextmanager
def row_progress() -> Iterator[RowProgress]:
    """Progress of reading, for the block."""
    if not sys.stderr.isatty():
        yield RowProgress(None)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description:<24}"),
        TextColumn("{task.completed:>12,.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield RowProgress(bars)
