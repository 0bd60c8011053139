"""Salesforce as a source.

Source  describe, then COUNT(): few rows over REST, many over Bulk API 2.0; deleted rows included (queryAll)
Grain   one row per Id, the newest version; a merge deletes the loser and names the winner in ``MasterRecordId``
Cursor  ``SystemModstamp``: moves with every change, by users and by the org's own processes, and on delete
Units   times naive UTC, decimals as describe gives their digits; "" is null, as Bulk cannot tell them apart
Errors  AccessDenied for credentials and permissions, RateLimited when the org's calls are used up, Unreachable,
        MalformedAnswer for what breaks the API's promises
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from extract.budget import Budget
from extract.source import AccessDenied, ConfigurationError, ObjectInfo, ReadContext, Source, Spent, Window
from extract.sources.salesforce import bulk, objects, rest, settings, soql
from extract.sources.salesforce.client import Client, Refused
from extract.windows import halves

DEFAULT_URL = "https://login.salesforce.com"
# Counting may take longer than the server allows where reading in bulk does not.
TIMED_OUT = "QUERY_TIMEOUT"
# No org is older; a stretch of history is not halved below a day for a count.
SHORTEST_JOB = timedelta(hours=1)
# Beside its pages: to create a job, look at it, remove it.
BULK_CALLS = 8
FIRST_ORGS, SHORTEST_COUNT = datetime.fromisoformat("1999-01-01"), timedelta(days=1)

log = logging.getLogger(__name__)


class Salesforce(Source):
    """One org, by OAuth client credentials."""

    name = "salesforce"
    objects = tuple(objects.API_NAMES)
    counted = objects

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        budget: Budget | None = None,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = settings.CALL_ATTEMPTS,
    ) -> None:
        """Nothing is contacted yet; ``sleep`` and ``attempts`` are for tests."""
        self._client = Client(url, client_id, client_secret, budget=budget, sleep=sleep, attempts=attempts)
        self._sleep = sleep
        # By object: read, and to be removed when landed.
        self._jobs: dict[str, list[str]] = {}

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Salesforce:
        """Settings SALESFORCE_URL, SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET."""
        names = ("SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET")
        values = [env.get(name, "").strip() for name in names]
        if missing := [name for name, value in zip(names, values, strict=True) if not value]:
            raise ConfigurationError(
                f"Set {' and '.join(missing)}: the consumer key and secret of a connected app that allows the client "
                "credentials flow."
            )
        budget = Budget.from_environment("SALESFORCE", env)
        return cls(env.get("SALESFORCE_URL", "").strip() or DEFAULT_URL, *values, budget=budget)

    def spent(self) -> Spent:
        """By ``Sforce-Limit-Info``."""
        budget = self._client.budget
        return Spent(budget.calls, budget.used, budget.most)

    def cost(self, info: ObjectInfo, window: Window, rows: int | None) -> int | None:
        """Blocks over REST, or a Bulk job: created, looked at a few times, read page by page, removed."""
        if rows is None:
            return None
        if rows <= settings.REST_ROWS:
            return len(soql.parts(info)) if rows else 0
        return BULK_CALLS + -(-rows // settings.BULK_PAGE_ROWS)

    def connect(self) -> None:
        """Sign in."""
        self._client.sign_in()

    def now(self) -> datetime:
        """The org's clock."""
        return self._client.now()

    def describe(self, name: str) -> ObjectInfo:
        """The object as describe gives it now."""
        api_name = objects.API_NAMES[name]
        try:
            description = self._client.call(f"sobjects/{api_name}/describe")
        except Refused as error:
            if error.status in (403, 404):
                raise AccessDenied(
                    f"{self._client.where} shows this user no {api_name}{error.said}; "
                    "give its permission set read access to the object."
                ) from None
            raise
        return objects.object_info(name, description, self._client.where)

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """``COUNT()`` of the window; when that takes the server too long, of its halves.

        None when even a short window cannot be counted.
        """
        try:
            return rest.count(self._client, info, window)
        except Refused as error:
            if error.code != TIMED_OUT:
                raise
        parts = halves(window, FIRST_ORGS)
        if parts is None or parts[0].end - (parts[0].start or FIRST_ORGS) < SHORTEST_COUNT:
            return None
        counts = [self.count(info, part) for part in parts]
        return None if None in counts else sum(count or 0 for count in counts)

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool the window: over REST when it counts few rows, else over Bulk."""
        rows = context.expected
        if rows is None:
            rows = self.count(info, context.window)
        if rows is not None and rows <= settings.REST_ROWS:
            if rows:
                rest.read(self._client, info, context)
            return
        self._in_bulk(info, context)

    def _in_bulk(self, info: ObjectInfo, context: ReadContext) -> None:
        """A Bulk job for the window, or for its halves when the server runs out of time over it."""
        try:
            self._jobs.setdefault(info.name, []).extend(bulk.read(self._client, info, context, self._sleep))
        except bulk.NotInBulk as reason:
            log.info("%s is read over REST: %s", info.name, reason)
            rest.read(self._client, info, context)
        except bulk.JobFailed as error:
            parts = halves(context.window, FIRST_ORGS) if error.took_too_long else None
            if parts is None or parts[0].end - (parts[0].start or FIRST_ORGS) < SHORTEST_JOB:
                raise
            for part in parts:
                self._in_bulk(info, replace(context, window=part))

    def landed(self, info: ObjectInfo) -> None:
        """Remove the Bulk jobs of the window."""
        for job in self._jobs.pop(info.name, []):
            bulk.remove(self._client, job)

    def read_keys(self, info: ObjectInfo, keys: Sequence[str], context: ReadContext) -> None:
        """Over REST."""
        rest.read_keys(self._client, info, context, keys)

    def close(self) -> None:
        """Release connections."""
        self._client.close()
