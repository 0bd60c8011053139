"""Long jobs that a server runs for us, remembered in the warehouse before they are waited for.

A process that dies while a job runs leaves it to the next run, which reads the window the job was made for instead of
asking for all of it again. What has landed is forgotten in the landing's own transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from extract import books
from extract.source import Window
from warehouse.base import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from extract.landing import Load

# Salesforce keeps a job's result for seven days; a job that is nearly so old may go while it is read.
KEPT = timedelta(days=6)


@dataclass(frozen=True)
class Unfinished:
    """A window whose job was started and has not landed; ``clock`` is the source's when it was."""

    window: Window
    clock: datetime


class JobBook:
    """The jobs of one object's window, as ``ReadContext.jobs``."""

    def __init__(
        self, open_warehouse: Callable[[], AbstractContextManager[Warehouse]], name: str, load: Load, now: datetime
    ) -> None:
        """Nothing is opened yet; ``now`` is this computer's clock."""
        self._open, self._name, self._load, self._now = open_warehouse, name, load, now

    def pending(self, query: str) -> str | None:
        """The id of a job for this very query that an earlier run started, None when there is none."""
        with self._open() as warehouse:
            if warehouse.columns(books.JOBS) is None:
                return None
            found = warehouse.query(
                f"select job_id from {warehouse.relation(books.JOBS)}"
                " where source = ? and object = ? and query_hash = ? and started_at > ?"
                " order by started_at desc, job_id desc limit 1",
                [self._load.source, self._name, _hash(query), self._now - KEPT],
            )
            return str(found.column(0)[0].as_py()) if found.num_rows else None

    def begin(self, query: str, job: str) -> None:
        """Remember a job."""
        load = self._load
        with self._open() as warehouse:
            books.ensure_books(warehouse)
            with warehouse.transaction():
                books.insert(
                    warehouse,
                    books.JOBS,
                    {
                        "source": load.source,
                        "object": self._name,
                        "job_id": job,
                        "query_hash": _hash(query),
                        "window_start": load.window.start,
                        "window_end": load.window.end,
                        "source_clock": load.clock,
                        "full_load": load.full,
                        "run_id": load.run_id,
                        "started_at": self._now,
                    },
                )

    def forget(self, job: str) -> None:
        """A job that came to nothing."""
        with self._open() as warehouse, warehouse.transaction():
            warehouse.execute(
                f"delete from {warehouse.relation(books.JOBS)} where source = ? and object = ? and job_id = ?",
                [self._load.source, self._name, job],
            )


def unfinished(
    warehouse: Warehouse, source: str, name: str, window: Window, *, full: bool, clock: datetime, now: datetime
) -> Unfinished | None:
    """The window to go on with instead of ``window``: one of the same start whose job has not landed.

    A full one only while the source's ``clock`` is within it: a row that changed beyond its end would seem to be gone.
    """
    if warehouse.columns(books.JOBS) is None:
        return None
    found = warehouse.query(
        f"select window_start, window_end, source_clock from {warehouse.relation(books.JOBS)}"
        " where source = ? and object = ? and full_load = ? and started_at > ? order by started_at desc limit 1",
        [source, name, full, now - KEPT],
    )
    if not found.num_rows:
        return None
    start, end, begun_at = (column[0].as_py() for column in found.columns)
    if start != window.start or end > window.end or (full and end <= clock):
        return None
    return Unfinished(Window(start, end), begun_at)


def settle(warehouse: Warehouse, source: str, name: str, window: Window) -> None:
    """Forget the jobs of a window that has landed. In the landing's transaction."""
    begun = "window_start is null" if window.start is None else "window_start = ?"
    params = [source, name, window.end, *([window.start] if window.start is not None else [])]
    warehouse.execute(
        f"delete from {warehouse.relation(books.JOBS)} where source = ? and object = ? and window_end = ? and {begun}",
        params,
    )


def _hash(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()
