"""Rows over Bulk API 2.0: a job, its CSV pages as they came, and proof that none is missing.

All pages together are counted against the job's ``numberRecordsProcessed``, and the warehouse counts once more when it
parses them. The job is deleted when its rows have landed; until then a run that dies leaves it to the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from extract.source import AccessDenied, MalformedAnswer, ObjectInfo, ReadContext, SourceError
from extract.sources.salesforce import pages, settings, soql
from extract.sources.salesforce.client import Client, Refused

JOBS = "jobs/query"
TOO_LONG = ("QUERY_TIMEOUT", "Retried more than")
RUNNING = frozenset({"Open", "UploadComplete", "InProgress"})


class NotInBulk(Exception):
    """Bulk does not take this query; REST may."""


class JobGone(SourceError):
    """The job was stopped, or the server has let go of it, as it does after seven days."""


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
    found = pages.read(client, info, context, f"{JOBS}/{job}/results", fields)
    if found != rows:
        raise MalformedAnswer(f"{client.where} announces {rows} rows of {info.name} and sends {found}; try again.")
    context.spool.expect(rows)


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


def remove(client: Client, job: str) -> None:
    """Delete the job and its results, a running one after stopping it; a job that stays harms nobody."""
    with suppress(SourceError):
        try:
            client.call(f"{JOBS}/{job}", "DELETE")
        except Refused:
            client.call(f"{JOBS}/{job}", "PATCH", json={"state": "Aborted"})
            client.call(f"{JOBS}/{job}", "DELETE")
