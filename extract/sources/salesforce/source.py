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
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from extract.source import AccessDenied, ConfigurationError, ObjectInfo, ReadContext, Source, Window
from extract.sources.salesforce import bulk, objects, rest, settings
from extract.sources.salesforce.client import Client, Refused
from extract.windows import halves

DEFAULT_URL = "https://login.salesforce.com"
# Counting may take longer than the server allows where reading in bulk does not.
TIMED_OUT = "QUERY_TIMEOUT"
# No org is older; a stretch of history is not halved below a day for a count.
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
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = settings.CALL_ATTEMPTS,
    ) -> None:
        """Nothing is contacted yet; ``sleep`` and ``attempts`` are for tests."""
        self._client = Client(url, client_id, client_secret, sleep=sleep, attempts=attempts)
        self._sleep = sleep

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
        return cls(env.get("SALESFORCE_URL", "").strip() or DEFAULT_URL, *values)

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
        try:
            bulk.read(self._client, info, context, self._sleep)
        except bulk.NotInBulk as reason:
            log.info("%s is read over REST: %s", info.name, reason)
            rest.read(self._client, info, context)

    def close(self) -> None:
        """Release connections."""
        self._client.close()
