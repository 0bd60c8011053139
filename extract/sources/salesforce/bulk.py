"""Rows over Bulk API 2.0: a job, its CSV pages as they came, and proof that none is missing.

A page is counted against ``Sforce-NumberOfRecords`` and read again when it falls short, all pages together against the
job's ``numberRecordsProcessed``, and the warehouse counts once more when it parses them. The job is deleted when its
rows have landed; until then a run that dies leaves it to the next one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import requests

from extract.source import AccessDenied, MalformedAnswer, ObjectInfo, ReadContext, SourceError, Unreachable
from extract.sources.rest import cause
from extract.sources.salesforce import settings, soql
from extract.sources.salesforce.client import Client, Refused

JOBS = "jobs/query"
# Small enough to be counted and written while it is in the processor's cache.
CHUNK = 1 << 18
NEWLINE, QUOTE = b'\n"'
TOO_LONG = ("QUERY_TIMEOUT", "Retried more than")
RUNNING = frozenset({"Open", "UploadComplete", "InProgress"})


class NotInBulk(Exception):
    """Bulk does not take this query; REST may."""


class JobGone(SourceError):
    """The job was stopped, or the server has let go of it, as it does after seven days."""


class BrokenPage(Exception):
    """A page is not what it says it is; the message is the end of a sentence about it."""


class JobFailed(SourceError):
    """The job ended without a result; ``took_too_long`` when less to read may help."""

    def __init__(self, sentence: str, reason: str) -> None:
        """``reason`` is the job's own errorMessage."""
        super().__init__(sentence)
        self.took_too_long = any(words in reason for words in TOO_LONG)


def read(client: Client, info: ObjectInfo, context: ReadContext, sleep: Callable[[float], None]) -> list[str]:
    """Spool the window; returns the jobs to be removed once it has landed.

    A job that an earlier run began for the very same query is gone on with. Raises NotInBulk before any row, or
    SourceError.
    """
    fields = list(info.fields.values())
    query = soql.select(info, fields, soql.within(info, context.window))
    begun = context.jobs.pending(query) if context.jobs else None
    for attempt in range(1, settings.JOB_ATTEMPTS + 1):
        job = begun or _create(client, query)
        if context.jobs and not begun:
            context.jobs.begin(query, job)
        try:
            _through(client, info, context, job, fields, sleep)
            if context.jobs is None:
                remove(client, job)
            return [job] if context.jobs else []
        except (JobFailed, JobGone) as error:
            _give_up(client, context, job)
            last = attempt == settings.JOB_ATTEMPTS or not isinstance(error, JobFailed) or error.took_too_long
            if last and begun is None:
                raise
        except (AccessDenied, MalformedAnswer, Refused):
            # Asked again it would say the same: the next run begins another one.
            _give_up(client, context, job)
            raise
        except BaseException:
            # Not the job's fault: with a book the next run goes on with it.
            if context.jobs is None:
                remove(client, job)
            raise
        begun = None
    raise AssertionError("the last attempt returns or raises")


def _through(
    client: Client, info: ObjectInfo, context: ReadContext, job: str, fields: list[str], sleep: Callable[[float], None]
) -> None:
    try:
        rows = _wait(client, info, job, sleep)
    except Refused as error:
        if error.status == 404:
            raise JobGone(f"{client.where} has no Bulk job {job} of {info.name} any more; try again.") from None
        raise
    _pages(client, info, context, job, rows, fields, sleep)


def _give_up(client: Client, context: ReadContext, job: str) -> None:
    if context.jobs is not None:
        context.jobs.forget(job)
    remove(client, job)


def _create(client: Client, query: str) -> str:
    wanted = {"operation": "queryAll", "query": query, "columnDelimiter": "COMMA", "lineEnding": "LF"}
    try:
        job = client.call(JOBS, "POST", json=wanted)
    except Refused as error:
        if error.status in (400, 403):
            raise NotInBulk(str(error)) from None
        raise
    if not isinstance(job, dict) or not isinstance(job.get("id"), str) or not job["id"].isalnum():
        raise MalformedAnswer(f"{client.where} starts a Bulk job without an id{client.session.said(job)}; try again.")
    return str(job["id"])


def _wait(client: Client, info: ObjectInfo, job: str, sleep: Callable[[float], None]) -> int:
    """How many rows the finished job has."""
    pause, waited = settings.FIRST_WAIT, 0.0
    while True:
        seen = client.call(f"{JOBS}/{job}")
        state = seen.get("state") if isinstance(seen, dict) else None
        if state == "JobComplete":
            rows = seen.get("numberRecordsProcessed")
            if not isinstance(rows, int):
                raise MalformedAnswer(f"{client.where} ends a Bulk job of {info.name} without a row count; try again.")
            return rows
        if state not in RUNNING:
            _refuse(client, info, state, seen)
        if waited >= settings.JOB_SECONDS:
            raise SourceError(
                f"{client.where} has not finished a Bulk job of {info.name} in {waited / 3600:.1f} hours; "
                "look at Bulk Data Load Jobs in its set-up and try again."
            )
        sleep(pause)
        waited += pause
        pause = min(pause * settings.WAIT_GROWTH, settings.LONGEST_WAIT)


def _refuse(client: Client, info: ObjectInfo, state: object, seen: Any) -> None:
    if state == "Failed":
        said = client.session.said({"message": seen.get("errorMessage")})
        raise JobFailed(
            f"{client.where} could not finish a Bulk job of {info.name}{said}; try again later.",
            str(seen.get("errorMessage")),
        )
    if state == "Aborted":
        raise JobGone(f"Somebody stopped the Bulk job of {info.name} in {client.where}; try again.")
    raise MalformedAnswer(f"{client.where} answers with no state of a Bulk job{client.session.said(seen)}; try again.")


def _pages(
    client: Client,
    info: ObjectInfo,
    context: ReadContext,
    job: str,
    total: int,
    fields: Sequence[str],
    sleep: Callable[[float], None],
) -> None:
    locator: str | None = None
    asked: set[str | None] = set()
    rows = 0
    while True:
        asked.add(locator)
        found, locator = _page_again(client, info, context, job, locator, fields)
        rows += found
        context.progress(found)
        if locator is None:
            break
        if locator in asked:
            raise MalformedAnswer(
                f"{client.where} leads us in a circle through the Bulk pages of {info.name}; try again."
            )
    if rows != total:
        raise MalformedAnswer(f"{client.where} announces {total} rows of {info.name} and sends {rows}; try again.")
    context.spool.expect(rows)


def _page_again(
    client: Client, info: ObjectInfo, context: ReadContext, job: str, locator: str | None, fields: Sequence[str]
) -> tuple[int, str | None]:
    """One page into the spool; its rows and the next locator. Pages can be read again as long as the job exists."""
    for attempt in range(1, settings.PAGE_ATTEMPTS + 1):
        last = attempt == settings.PAGE_ATTEMPTS
        try:
            # Counting row ends is exact but for values that hold one; then every quote is looked at.
            return _page(client, context, job, locator, fields, exact=attempt > 1)
        except BrokenPage as error:
            if last:
                raise MalformedAnswer(
                    f"{client.where} sends a Bulk page of {info.name} that {error}; try again."
                ) from None
        except requests.RequestException as error:
            if last:
                raise Unreachable(
                    f"{client.where} cannot be reached: {cause(error)}; check SALESFORCE_URL and the network."
                ) from None
        client.session.back_off(attempt)
    raise AssertionError("the last attempt returns or raises")


def _page(
    client: Client, context: ReadContext, job: str, locator: str | None, fields: Sequence[str], *, exact: bool
) -> tuple[int, str | None]:
    params = {"maxRecords": str(settings.BULK_PAGE_ROWS)} | ({"locator": locator} if locator else {})
    with client.stream(f"{JOBS}/{job}/results", params) as response:
        told = response.headers.get("Sforce-NumberOfRecords")
        following = response.headers.get("Sforce-Locator")
        counter: RowEnds | Quotes = Quotes() if exact else RowEnds()

        def copy(write: Callable[[bytes], object]) -> None:
            for chunk in _after_header(response.iter_content(CHUNK), fields):
                counter.add(chunk)
                write(chunk)
            if not counter.whole:
                raise BrokenPage("breaks off")
            if told is not None and told != str(counter.rows):
                raise BrokenPage(f"announces {told:.20} rows and has {counter.rows}")

        context.spool.csv_page(copy)
    return counter.rows, None if following in (None, "", "null") else following


def _after_header(chunks: Iterable[bytes], fields: Sequence[str]) -> Iterable[bytes]:
    """The chunks, once the first line has proved to be the header asked for. Raises BrokenPage."""
    held, checked = b"", False
    for chunk in chunks:
        if checked:
            yield chunk
            continue
        held += chunk
        if b"\n" in held:
            line = held[: held.index(b"\n")].decode("utf-8", "replace")
            if next(csv.reader([line]), []) != list(fields):
                raise BrokenPage("has other columns than were asked for")
            checked = True
            yield held
    if not checked:
        raise BrokenPage("has no header")


class RowEnds:
    """Rows by the ends between them, ``"`` newline ``"``: every value is quoted, so a row ends and begins with one."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.rows = 0
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """See the next bytes."""
        # A newline counts when both its neighbours are here, so the last two bytes are looked at once more.
        seen = self._tail + chunk
        values = np.frombuffer(seen, np.uint8)
        before = np.flatnonzero(values[1:-1] == NEWLINE)
        self.rows += int(np.count_nonzero((values[before] == QUOTE) & (values[before + 2] == QUOTE)))
        self._tail = seen[-2:]

    @property
    def whole(self) -> bool:
        """Whether the last row is complete."""
        return self._tail == b'"\n'


class Quotes:
    """Rows by newlines outside quotes: slower, and exact for any CSV."""

    def __init__(self) -> None:
        """Nothing seen; the header's own newline does not count."""
        self.rows = -1
        self._inside = False
        self._last = b""

    def add(self, chunk: bytes) -> None:
        """See the next bytes."""
        for index, piece in enumerate(chunk.split(b'"')):
            if index:
                self._inside = not self._inside
            if not self._inside:
                self.rows += piece.count(b"\n")
        self._last = chunk[-1:] or self._last

    @property
    def whole(self) -> bool:
        """Whether the last row is complete."""
        return not self._inside and self._last == b"\n"


def remove(client: Client, job: str) -> None:
    """Delete the job and its results, a running one after stopping it; a job that stays harms nobody."""
    with suppress(SourceError):
        try:
            client.call(f"{JOBS}/{job}", "DELETE")
        except Refused:
            client.call(f"{JOBS}/{job}", "PATCH", json={"state": "Aborted"})
            client.call(f"{JOBS}/{job}", "DELETE")
