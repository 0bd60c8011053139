"""Segment's Profile API: one profile's traits, external ids and metadata, found by any of its ids.

There is no way to list profiles; whoever reads here must know an id from elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.credentials import SPACE, TOKEN
from sandbox.state import Sandbox
from sandbox.web import Call, endpoint, json_response

_DEFAULT: Final = 10
_MOST_TRAITS: Final = 200
_MOST: Final = 100


class ApiError(Exception):
    """An answer other than success, in the vendor's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """``code`` is the error's."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def envelope(status: int, code: str, message: str) -> Response:
    """An error as Segment writes it."""
    return json_response({"error": {"code": code, "message": message}}, status)


def error(status: int, code: str | None) -> Response:
    """Any status in the vendor's envelope."""
    known = {
        400: ("validation_error", "The request is not valid."),
        401: ("authentication_error", "The access token is invalid."),
        404: ("not_found", "The resource was not found."),
        429: ("rate_limit_error", "Too many requests hit the API too quickly."),
    }
    name, message = known.get(status, ("api_error", "Something went wrong on Segment's end."))
    return envelope(status, code or name, message)


def rate_limited(status: int, policy: str | None) -> Response:
    """429: more than 100 requests a second to one space."""
    return error(429, None)


class SegmentApi:
    """The Profile API over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Read from this sandbox."""
        self.sandbox = sandbox

    def routes(self) -> list[BaseRoute]:
        """Paths as Starlette wants them. The id is the rest of the segment: it may hold anything, colons too."""
        base = "/v1/spaces/{space}/collections/{collection}/profiles/{key:path}"
        table = [("traits", self.traits), ("external_ids", self.external_ids), ("metadata", self.metadata)]
        return [
            Route(f"{base}/{name}", endpoint(self._guarded(handler)), methods=["GET"], name=name)
            for name, handler in table
        ]

    def _guarded(self, handler: Callable[[Call, str], Response]) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            try:
                self._authenticate(call)
                response = handler(call, self._profile(call))
            except ApiError as error:
                response = envelope(error.status, error.code, error.message)
            response.headers["Request-Id"] = uuid.uuid4().hex
            return response

        return run

    def _authenticate(self, call: Call) -> None:
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        try:
            user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        except (ValueError, binascii.Error):
            user = ""
        if scheme.lower() != "basic" or user != TOKEN:
            raise ApiError(401, "authentication_error", "The access token is invalid.")
        if call.params["space"] != SPACE:
            raise ApiError(404, "not_found", "The space was not found.")

    def _profile(self, call: Call) -> str:
        """The user id of the profile that has this id."""
        kind, _, value = call.params["key"].partition(":")
        if not value:
            raise ApiError(400, "validation_error", "The profile id must look like user_id:abc.")
        found: list[Any] = []
        if call.params["collection"] == "users":
            sql = "select user_id from segment.profiles where ? = 'user_id' and user_id = ? union "
            sql += "select user_id from segment.profile_external_ids where type = ? and id = ? order by 1 limit 1"
            found = self.sandbox.store.query(sql, (kind, value, kind, value)).column(0).to_pylist()
        if not found:
            raise ApiError(404, "not_found", "The resource was not found.")
        return str(found[0])

    def _page(self, call: Call, most: int) -> tuple[int, int]:
        """Offset and size of the page asked for."""
        limit, start = call.query.get("limit", str(_DEFAULT)), call.query.get("next", "0")
        if not limit.isdigit() or int(limit) < 1:
            raise ApiError(400, "validation_error", f"limit must be a positive number, not {limit!r}.")
        if not start.isdigit():
            raise ApiError(400, "validation_error", "next is not a cursor of this resource.")
        if int(start) and self.sandbox.faults.strike("same_page_twice", "segment", call.path, call.method) is not None:
            start = str(max(0, int(start) - int(limit)))
        return int(start), min(int(limit), most)

    def _cursor(self, call: Call, start: int, limit: int, total: int) -> dict[str, Any]:
        more = start + limit < total
        reused = more and self.sandbox.faults.strike("reused_locator", "segment", call.path, call.method) is not None
        kept = [(key, value) for key, value in call.query.multi_items() if key not in ("next", "limit")]
        return {
            "url": f"{call.path}?{urlencode([*kept, ('limit', limit)])}",
            "has_more": more,
            "next": str(start if reused else start + limit) if more else "",
            "limit": limit,
        }

    def traits(self, call: Call, user_id: str) -> Response:
        """Traits by name; ``include`` keeps some, ``verbose`` tells where each is from."""
        start, limit = self._page(call, _MOST_TRAITS)
        rows = self.sandbox.store.query("select traits from segment.profiles where user_id = ?", (user_id,))
        traits: dict[str, Any] = json.loads(rows.column(0)[0].as_py() or "{}") if rows.num_rows else {}
        if (include := call.query.get("include")) is not None:
            names = set(include.split(","))
            traits = {name: value for name, value in traits.items() if name in names}
        names_in_order = sorted(traits)
        shown = {name: traits[name] for name in names_in_order[start : start + limit]}
        return json_response({"traits": shown, "cursor": self._cursor(call, start, limit, len(traits))})

    def external_ids(self, call: Call, user_id: str) -> Response:
        """All ids by which this profile is known."""
        start, limit = self._page(call, _MOST)
        sql = """
            select
                source_id, collection, id, type,
                strftime(created_at, '%Y-%m-%dT%H:%M:%S.%gZ') as created_at, encoding
            from segment.profile_external_ids
            where user_id = ?
            order by profile_external_ids.created_at, type, id
        """
        found = self.sandbox.store.query(sql, (user_id,)).to_pylist()
        wanted = call.query.get("include")
        if wanted is not None:
            found = [row for row in found if row["type"] in wanted.split(",")]
        page = found[start : start + limit]
        return json_response({"data": page, "cursor": self._cursor(call, start, limit, len(found))})

    def metadata(self, call: Call, user_id: str) -> Response:
        """When the profile was first and last heard of."""
        sql = """
            select
                strftime(min(created_at), '%Y-%m-%dT%H:%M:%S.%gZ') as created_at,
                strftime(max(created_at), '%Y-%m-%dT%H:%M:%S.%gZ') as updated_at,
                arg_min(source_id, created_at) as first_source_id,
                arg_max(source_id, created_at) as last_source_id
            from segment.profile_external_ids where user_id = ?
        """
        known = self.sandbox.store.query(sql, (user_id,)).to_pylist()[0]
        metadata = {
            "created_at": known["created_at"],
            "updated_at": known["updated_at"],
            "expires_at": None,
            "first_source_id": known["first_source_id"],
            "last_source_id": known["last_source_id"],
        }
        return json_response({"metadata": metadata, "cursor": self._cursor(call, 0, _DEFAULT, 1)})
