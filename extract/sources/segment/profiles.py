"""Segment's unified profiles: what it has concluded about each user.

Source  Profile API, ``/v1/spaces/{space}/collections/users/profiles/user_id:{id}/traits`` and ``…/external_ids``. It
        cannot list profiles, so the users are those of the events that have landed since the last time
Grain   one row per user id; one per user id, external id type and external id
Cursor  none
Units   ``traits`` is JSON text with sorted keys, so that the same traits are the same text; times naive UTC
Errors  a profile that is not there is no error: stored rows of it are *gone*. Else as ``extract/sources/rest.py``
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import requests
from requests.auth import AuthBase

from extract.source import ConfigurationError, MalformedAnswer, ReadContext
from extract.sources.rest import Answer, Json, Pace, RestApi, is_loopback
from extract.sources.times import TIMESTAMP, timestamps

# The space's limit is 100 a second; somebody else may ask too.
CALLS_PER_SECOND = 90
THREADS = 8
USERS_A_TABLE = 500
MOST_REPEATS = 3
# When this many users are asked for and none is known, it is the space that is wrong.
NONE_OF_SO_MANY = 20
TRAITS_LIMIT, EXTERNAL_IDS_LIMIT = "200", "100"

PROFILE_TYPES: dict[str, pa.DataType] = {"user_id": pa.string(), "traits": pa.string()}
EXTERNAL_ID_TYPES: dict[str, pa.DataType] = {
    "user_id": pa.string(),
    "type": pa.string(),
    "id": pa.string(),
    "collection": pa.string(),
    "source_id": pa.string(),
    "created_at": TIMESTAMP,
    "encoding": pa.string(),
}


class SpaceToken(AuthBase):
    """The space's access token as the user of basic authentication."""

    def __init__(self, token: str) -> None:
        """``token``: a Profile API access token."""
        self._header = "Basic " + base64.b64encode(f"{token}:".encode()).decode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = self._header
        return request

    def __repr__(self) -> str:
        """Without the token."""
        return "SpaceToken(***)"


class ProfileApi(RestApi):
    """The user profiles of one space, read by several threads within the space's rate limit."""

    system = "Segment's Profile API"
    url_setting = "SEGMENT_PROFILE_URL"
    token_setting = "SEGMENT_ACCESS_TOKEN and SEGMENT_SPACE_ID"

    def __init__(self, base_url: str, space: str, token: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """``space`` is the unified space's id; ``sleep`` is for tests."""
        super().__init__(base_url, SpaceToken(token), secrets=(token,), sleep=sleep)
        self._profiles = f"/v1/spaces/{quote(space, safe='')}/collections/users/profiles"
        # On this machine there is no vendor whose limit it would be; what stands there can still answer 429.
        self._pace = None if is_loopback(base_url) else Pace(CALLS_PER_SECOND, 1.0, sleep)
        # Found absent by one object, not asked for by the next.
        self._absent: set[str] = set()

    def time(self) -> datetime:
        """Segment's clock; proves host, token and space on the way."""
        probe = f"{self._profiles}/user_id:braid-connection-check/external_ids"
        answer = self.get(probe, [("limit", "1")], accept=frozenset({404}), tries=2)
        self._is_absent(answer)
        return answer.time()

    def read_profiles(self, context: ReadContext) -> None:
        """Spool the traits of each of the context's subjects."""
        self._absent.clear()
        for users, found in self._all("traits", context.subjects or (), self._traits):
            context.spool.rows(pa.table({"user_id": users, "traits": found}, schema=pa.schema(PROFILE_TYPES)))
            context.progress(len(users))
        self._spool_gone(context)

    def read_external_ids(self, context: ReadContext) -> None:
        """Spool the external ids of each of the context's subjects."""
        for users, found in self._all("external_ids", context.subjects or (), self._external_ids):
            owners = [user for user, items in zip(users, found, strict=True) for _ in items]
            items = [item for items in found for item in items]
            context.spool.rows(_external_id_table(owners, items))
            context.progress(len(items))
        self._spool_gone(context)

    def shown(self, path: str) -> str:
        """The path without the user's id, which may be an address."""
        return re.sub(r"user_id:[^/]*", "user_id:…", path)

    def _all(
        self, what: str, subjects: Sequence[str], read: Callable[[str], Any]
    ) -> Iterator[tuple[list[str], list[Any]]]:
        """Users that have a profile, with what ``read`` finds, some hundreds at a time and in the order given."""
        users = [user for user in dict.fromkeys(subjects) if user not in self._absent]
        failed = threading.Event()

        def unless_failed(user: str) -> Any:
            # Users are begun in their order, so the error of an earlier one is raised before this one is looked at.
            if failed.is_set():
                return None
            try:
                return read(user)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(THREADS, thread_name_prefix=f"segment-{what}") as pool:
            for start in range(0, len(users), USERS_A_TABLE):
                batch = users[start : start + USERS_A_TABLE]
                found = list(pool.map(unless_failed, batch))
                self._absent.update(user for user, item in zip(batch, found, strict=True) if item is None)
                there = [(user, item) for user, item in zip(batch, found, strict=True) if item is not None]
                yield [user for user, _ in there], [item for _, item in there]

    def _traits(self, user: str) -> str | None:
        """A user's traits as JSON text, None when there is no profile."""
        traits: Json = {}
        for answer in self._pages(user, "traits", TRAITS_LIMIT):
            page = answer.body.get("traits")
            if not isinstance(page, dict):
                raise MalformedAnswer(f"{self.where} answered without traits; try again later.")
            traits |= page
        if user in self._absent:
            return None
        return json.dumps(traits, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def _external_ids(self, user: str) -> list[Json] | None:
        """A user's external ids, None when there is no profile."""
        pages = self._pages(user, "external_ids", EXTERNAL_IDS_LIMIT)
        found = [item for answer in pages for item in answer.listing("data")]
        return None if user in self._absent else found

    def _pages(self, user: str, what: str, limit: str) -> Iterator[Answer]:
        path = f"{self._profiles}/user_id:{quote(user, safe='')}/{what}"
        params = [("limit", limit)]
        seen: list[str] = []
        while True:
            if self._pace:
                self._pace.wait()
            answer = self.get(path, params, accept=frozenset({404}))
            if self._is_absent(answer):
                self._absent.add(user)
                return
            yield answer
            cursor = answer.body.get("cursor")
            following = cursor.get("next") if isinstance(cursor, dict) and cursor.get("has_more") else None
            if not following:
                return
            # A page sent twice does no harm; over and over it would hide the rest.
            if seen.count(str(following)) > MOST_REPEATS:
                raise MalformedAnswer(f"{self.where} sends the same page over and over; try again later.")
            seen.append(str(following))
            params = [("limit", limit), ("next", str(following))]

    def _is_absent(self, answer: Answer) -> bool:
        """Whether this is the API's own word that there is no such profile, not some other server's 404."""
        if answer.status != 404:
            return False
        error = answer.body.get("error")
        if isinstance(error, dict) and error.get("code") == "not_found":
            if "space" in str(error.get("message")).lower():
                raise ConfigurationError(f"{self.where} does not know this space; check SEGMENT_SPACE_ID.")
            return True
        raise MalformedAnswer(f"{self.where} does not know its own paths; check SEGMENT_PROFILE_URL.")

    def _spool_gone(self, context: ReadContext) -> None:
        asked = set(context.subjects or ())
        gone = asked & self._absent
        if gone == asked:
            # Another space's answers look just like this, and must not empty the table.
            if len(asked) >= NONE_OF_SO_MANY:
                raise ConfigurationError(f"{self.where} knows none of {len(asked)} users; check SEGMENT_SPACE_ID.")
            return
        if gone:
            context.spool.gone(pa.table({"user_id": pa.array(sorted(gone), pa.string())}), how="erased")


def _external_id_table(owners: Sequence[str], items: Sequence[Json]) -> pa.Table:
    """External ids as a table; the user's own ``user_id`` is one of them."""
    columns: dict[str, pa.Array[Any]] = {"user_id": pa.array(owners, pa.string())}
    try:
        for name in ("type", "id", "collection", "source_id", "encoding"):
            columns[name] = pa.array([item.get(name) for item in items], pa.string())
        columns["created_at"] = timestamps(pa.array([item.get("created_at") or None for item in items], pa.string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise MalformedAnswer("Segment sent external ids that are not as documented; try again later.") from None
    if columns["type"].null_count or columns["id"].null_count:
        raise MalformedAnswer("Segment sent an external id without type or id; try again later.")
    return pa.table(columns)
