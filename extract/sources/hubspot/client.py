"""HubSpot's HTTP: bearer token, its two kinds of quota, and the scope it misses.

Quotas  per ten seconds and per day, told in ``X-HubSpot-RateLimit-*`` on most answers; search has its own, told nowhere
Errors  as ``extract/sources/rest.py``; a daily quota that is used up is RateLimited at once, hours are not waited for
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import requests
from requests.auth import AuthBase

from extract.budget import Budget
from extract.source import AccessDenied, MalformedAnswer, SourceError, Unreachable
from extract.sources.rest import ATTEMPTS, Answer, Json, Pace, RestApi, is_loopback

PAGE_LIMIT = 100
MOST_REPEATS = 3
# Five searches a second for the whole account; another tool may search too.
SEARCHES_PER_SECOND = 4
# What the object's first path segments need, when the answer does not name it.
SCOPES = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "owners": "crm.objects.owners.read",
}


class BearerToken(AuthBase):
    """Puts the token on each request, and nowhere else."""

    def __init__(self, token: str) -> None:
        """``token``: of a private app, or an OAuth access token."""
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        """Without the token."""
        return "BearerToken(***)"


class HubSpotApi(RestApi):
    """The calls of api.hubapi.com that extraction makes."""

    system = "HubSpot"
    url_setting = "HUBSPOT_URL"
    token_setting = "HUBSPOT_ACCESS_TOKEN"

    def __init__(
        self, base_url: str, token: str, *, budget: Budget | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """``token`` is a private app's or an OAuth access token; ``sleep`` is for tests."""
        super().__init__(base_url, BearerToken(token), secrets=(token,), budget=budget, sleep=sleep)
        # On this machine there is no account to share; what stands there can still answer 429.
        self._searches = None if is_loopback(base_url) else Pace(SEARCHES_PER_SECOND, 1.0, sleep)

    def pages(self, path: str, params: Sequence[tuple[str, str]] = (), *, limit: int = PAGE_LIMIT) -> Iterator[Answer]:
        """Every page of a list endpoint, by its ``after`` cursor; a page sent twice does no harm."""
        after: str | None = None
        rows: list[Json] = []
        repeats = 0
        while True:
            page = [*params, ("limit", str(limit))]
            answer = self.get(path, page if after is None else [*page, ("after", after)])
            following = next_after(answer)
            found = answer.listing("results")
            repeats = repeats + 1 if following is not None and following == after else 0
            # The same rows under another cursor would pass for rows we then never see.
            if repeats > MOST_REPEATS or (rows and found == rows and repeats == 0):
                raise MalformedAnswer(f"{self.where} sends the same page of {path} again; try again later.")
            yield answer
            rows, after = found, following
            if after is None:
                return

    def search(self, object_type: str, body: Json) -> Answer:
        """One page of a search, not faster than the account's own limit for searches."""
        if self._searches:
            self._searches.wait()
        return self.post(f"/crm/v3/objects/{object_type}/search", body)

    def batch_read(self, path: str, body: Json, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """A batch read. What does not exist is left out of the answer; other failures are retried, then raise."""
        words = ""
        for attempt in range(1, ATTEMPTS + 1):
            answer = self.post(path, body, params)
            failed = [error for error in answer.body.get("errors") or () if not _is_absence(error)]
            if not failed:
                return answer
            words = str(failed[0].get("message") if isinstance(failed[0], dict) else failed[0])[:200]
            if attempt < ATTEMPTS:
                self.back_off(attempt)
        raise Unreachable(f"{self.where} reads a batch of {path} only in part ({words}); try again later.")

    def refused(self, response: requests.Response, path: str) -> SourceError:
        """Name the missing scope when that is the cause."""
        if response.status_code != 403:
            return super().refused(response, path)
        scopes = _scopes_named(response) or [scope for name, scope in SCOPES.items() if f"/{name}" in path]
        if not scopes:
            return super().refused(response, path)
        return AccessDenied(
            f"{self.where} refuses {path}: the token lacks the scope {', '.join(scopes)}; "
            "add it to the private app and put its new token into HUBSPOT_ACCESS_TOKEN."
        )

    def used_up(self, response: requests.Response) -> bool:
        """A daily quota refills at midnight of the account, not while we wait."""
        try:
            policy = response.json().get("policyName")
        except (ValueError, AttributeError):
            return False
        return bool(policy == "DAILY")

    def answered(self, response: requests.Response) -> None:
        """Slow down to the sustainable pace when little of the ten seconds' quota is left."""
        headers = response.headers
        with suppress(KeyError, ValueError):
            daily = int(headers["X-HubSpot-RateLimit-Daily"])
            self.budget.heard(daily - int(headers["X-HubSpot-RateLimit-Daily-Remaining"]), daily)
        try:
            most = int(headers["X-HubSpot-RateLimit-Max"])
            left = int(headers["X-HubSpot-RateLimit-Remaining"])
            interval = int(headers["X-HubSpot-RateLimit-Interval-Milliseconds"]) / 1000
        except (KeyError, ValueError):
            return
        if most > 0 and left < most / 10:
            self._sleep(min(interval, 10.0) / (most if left > 0 else 10))


def next_after(answer: Answer) -> str | None:
    """The cursor of the following page, None on the last."""
    paging: Any = answer.body.get("paging")
    after = paging.get("next", {}).get("after") if isinstance(paging, dict) else None
    return None if after in (None, "") else str(after)


def _is_absence(error: object) -> bool:
    """Whether a batch's error only says that a record, or an association of it, does not exist."""
    return isinstance(error, dict) and error.get("category") == "OBJECT_NOT_FOUND"


def _scopes_named(response: requests.Response) -> list[str]:
    """Scopes the error body asks for."""
    found = re.findall(r'"required(?:Granular)?Scopes"\s*:\s*\[([^\]]*)\]', response.text)
    return sorted({scope for group in found for scope in re.findall(r'"([\w.\-]+)"', group)})
