"""Bulk API 2.0 query jobs: made, run in the background, polled, read page by page, aborted, deleted.

A result is rendered once into a file of CSV rows, with the byte at which every thousandth row begins; a page is the
header and a stretch of that file, so pages cost no more than reading it.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from sandbox.salesforce.ids import numbered
from sandbox.salesforce.query import Compiled
from sandbox.store import Store

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_STRIDE = 1000
_READ = 1 << 20


class Results:
    """The rows of a finished job, as CSV in a file that has no name: it goes with the process, however that ends."""

    def __init__(self, names: Sequence[str], delimiter: str, eol: str) -> None:
        """An empty result; ``render`` fills it."""
        self._file = TemporaryFile(prefix="braid-sandbox-bulk-")  # noqa: SIM115 - lives as long as the job
        self._reading = threading.Lock()
        self.delimiter = delimiter
        self.eol = eol
        self.header = (delimiter.join(f'"{name}"' for name in names) + eol).encode()
        self.rows = 0
        self._starts = [0]

    def render(self, batches: pa.RecordBatchReader) -> None:
        """Write all rows: every value quoted, quotes doubled."""
        # As keywords in a dict: the published stubs do not know eol yet.
        settings: dict[str, Any] = {
            "include_header": False,
            "delimiter": self.delimiter,
            "eol": self.eol,
            "quoting_style": "all_valid",
        }
        options = pacsv.WriteOptions(**settings)
        pending: list[pa.RecordBatch] = []
        waiting = 0

        def write(table: pa.Table) -> None:
            pacsv.write_csv(table, self._file, options)
            self.rows += table.num_rows
            self._starts.append(self._file.tell())

        for batch in batches:
            pending.append(batch)
            waiting += batch.num_rows
            if waiting < _STRIDE:
                continue
            table = pa.Table.from_batches(pending)
            whole = waiting - waiting % _STRIDE
            for start in range(0, whole, _STRIDE):
                write(table.slice(start, _STRIDE))
            rest = table.slice(whole)
            pending, waiting = rest.to_batches(), rest.num_rows
        if waiting:
            write(pa.Table.from_batches(pending))

    def page(self, start: int, stop: int) -> Iterator[bytes]:
        """Header and rows ``start`` to ``stop`` (exclusive), in pieces of up to a megabyte."""
        yield self.header
        stretches = len(self._starts) - 1
        at = start
        while at < stop:
            stretch = at // _STRIDE
            end = min((stretch + 1) * _STRIDE, self.rows)
            if at % _STRIDE == 0 and end <= stop:
                through = stretches if stop == self.rows else stop // _STRIDE
                for place in range(self._starts[stretch], self._starts[through], _READ):
                    yield self._bytes(place, min(place + _READ, self._starts[through]))
                at = min(through * _STRIDE, self.rows)
            else:
                end = min(end, stop)
                yield self._part(stretch, at - stretch * _STRIDE, end - stretch * _STRIDE)
                at = end

    def close(self) -> None:
        """Give the file's space back."""
        self._file.close()

    def _bytes(self, start: int, stop: int) -> bytes:
        with self._reading:
            self._file.seek(start)
            return self._file.read(stop - start)

    def _part(self, stretch: int, start: int, stop: int) -> bytes:
        """Some rows of one stretch, the same bytes they have in it."""
        text = self._bytes(self._starts[stretch], self._starts[stretch + 1]).decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter))[start:stop]
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self.delimiter, lineterminator=self.eol, quoting=csv.QUOTE_ALL).writerows(rows)
        return out.getvalue().encode()


@dataclass
class Job:
    """One query job and how far it is."""

    id: str
    operation: str
    object: str
    query: str
    version: str
    created: datetime
    delimiter: str
    line_ending: str
    results: Results
    # How often it is polled before it may be done: the real ones are never done at once.
    polls_left: int
    running: Future[None]
    fate: str = ""  # "", "stuck", "failed", "aborted": what a fault has in store
    failure: str | None = None
    state: str = "UploadComplete"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> None:
        """Let time pass, as seen by one look at the job."""
        with self.lock:
            if self.state not in ("UploadComplete", "InProgress"):
                return
            if self.polls_left > 0:
                self.polls_left -= 1
                self.state = "InProgress"
                return
            if self.fate == "stuck" or not self.running.done():
                self.state = "InProgress"
            elif self.fate or self.running.exception() is not None:
                self.state = "Aborted" if self.fate == "aborted" else "Failed"
            else:
                self.state = "JobComplete"

    def as_json(self, *, whole: bool) -> dict[str, Any]:
        """The job as POST and PATCH answer it, or ``whole`` as GET does."""
        moment = self.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        answer: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": "0055g00000SANDBAA0",
            "createdDate": moment,
            "systemModstamp": moment,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if whole:
            done = self.state == "JobComplete"
            answer |= {
                "jobType": "V2Query",
                "retries": 0,
                "totalProcessingTime": 150 if done else 0,
                "numberRecordsProcessed": self.results.rows if done else 0,
                "isPkChunkingSupported": True,
            }
            if self.state == "Failed" and self.failure is not None:
                answer["errorMessage"] = self.failure
        return answer


class Jobs:
    """All jobs of the org, by id."""

    def __init__(self) -> None:
        """None yet."""
        self._jobs: dict[str, Job] = {}
        self._worker = ThreadPoolExecutor(1, "bulk")
        self._made = 0
        self._lock = threading.Lock()

    def create(
        self, store: Store, compiled: Compiled, *, operation: str, entity: str, query: str, version: str,
        created: datetime, delimiter: str, line_ending: str, polls: int, fate: str, failure: str | None,
    ) -> Job:  # fmt: skip
        """A job over the records as they are now."""
        with self._lock:
            self._made += 1
            job_id = numbered("750", self._made)
        names = [output.name for output in compiled.outputs]
        results = Results(names, DELIMITERS[delimiter], LINE_ENDINGS[line_ending])
        batches = store.batches(compiled.sql, compiled.params, 50 * _STRIDE)
        running = self._worker.submit(results.render, batches)
        job = Job(
            job_id,
            operation,
            entity,
            query,
            version,
            created,
            delimiter,
            line_ending,
            results,
            polls,
            running,
            fate,
            failure,
        )
        self._jobs[job_id] = job
        return job

    def get(self, job_id: str) -> Job | None:
        """A job by its 18- or 15-character id."""
        return self._jobs.get(job_id) or next((job for key, job in self._jobs.items() if key[:15] == job_id), None)

    def delete(self, job: Job) -> None:
        """Forget the job and its results."""
        self._jobs.pop(job.id, None)
        job.results.close()

    def all(self) -> list[Job]:
        """Every job there is, oldest first."""
        return list(self._jobs.values())


def locator(row: int) -> str:
    """The opaque word for "from this row on"."""
    return base64.b64encode(str(row).encode()).decode().rstrip("=")


def row_of(text: str) -> int | None:
    """The row a locator stands for, or None when it is none of ours."""
    try:
        row = int(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (ValueError, binascii.Error):
        return None
    return row if row >= 0 else None
