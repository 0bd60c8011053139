"""HubSpot's REST face: OAuth tokens, CRM objects, search, associations, properties, owners, pipelines, limits.

Errors are the vendor's envelope; every answer but a search's carries the rate limit headers.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.company.schema import Property
from sandbox.credentials import CLIENT_ID, CLIENT_SECRET, TOKEN
from sandbox.hubspot import associations, history, objects, search
from sandbox.hubspot.objects import NUMERIC_ID, TYPES
from sandbox.state import Sandbox
from sandbox.store import table_sql
from sandbox.web import Call, endpoint, json_response

_PER_TEN_SECONDS: Final = 190
_PER_DAY: Final = 625_000
_BATCH: Final = 100
_MOST_INPUTS: Final = 1000
# Longer than this and the edge answers before the API reads it.
_LONGEST_URL: Final = 15_000
_POLICIES: Final = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "DAILY": "You have reached your daily limit.",
}


class ApiError(Exception):
    """An answer other than success, in the vendor's words."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        """``more`` is added to the envelope."""
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.more = more


def envelope(status: int, category: str, message: str, **more: Any) -> Response:
    """An error as HubSpot writes it."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return json_response({**body, **more}, status)


def error(status: int, code: str | None) -> Response:
    """Any status in the vendor's envelope."""
    known = {
        400: ("VALIDATION_ERROR", "Invalid input JSON"),
        401: ("INVALID_AUTHENTICATION", "Authentication credentials not found."),
        403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
        404: ("OBJECT_NOT_FOUND", "resource not found"),
        477: ("MIGRATION_IN_PROGRESS", "This account is being moved to another data centre."),
    }
    category, message = known.get(status, ("INTERNAL_ERROR", "internal error"))
    return envelope(status, code or category, message)


def rate_limited(status: int, policy: str | None) -> Response:
    """429 under one of the vendor's policies."""
    policy = policy or "TEN_SECONDLY_ROLLING"
    body = {
        "status": "error",
        "message": _POLICIES.get(policy, "You have reached your limit."),
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
    return json_response(body, status)


class Window:
    """How many calls fell into the last few seconds of real time."""

    def __init__(self, seconds: float) -> None:
        """Nothing yet."""
        self.seconds = seconds
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def add(self) -> int:
        """Count a call; returns how many there are now, this one included."""
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] <= now - self.seconds:
                self._times.popleft()
            self._times.append(now)
            return len(self._times)


class HubSpotApi:
    """All of HubSpot's endpoints over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """No OAuth tokens were given out yet; the private app's is known from the start."""
        self.sandbox = sandbox
        self._oauth: set[str] = set()
        self._ten_seconds = Window(10)
        self._second = Window(1)
        self._today = 0
        self._used = 0

    def routes(self) -> list[BaseRoute]:
        """Paths as Starlette wants them, the date-versioned twins of the object calls included."""
        table: list[tuple[str, str, str, Callable[[Call], Response]]] = []
        for base in ("/crm/v3/objects", "/crm/objects/{version}"):
            table += [
                ("search", "POST", f"{base}/{{object}}/search", self.search_objects),
                ("batch_read", "POST", f"{base}/{{object}}/batch/read", self.batch_read),
                ("list", "GET", f"{base}/{{object}}", self.list_objects),
                ("get", "GET", f"{base}/{{object}}/{{id}}", self.get),
            ]
        table += [
            ("associations_v3", "GET", "/crm/v3/objects/{object}/{id}/associations/{to}", self.associations_v3),
            ("associations_v4", "GET", "/crm/v4/objects/{object}/{id}/associations/{to}", self.associations_v4),
            ("associations", "POST", "/crm/v4/associations/{object}/{to}/batch/read", self.batch_associations),
            ("properties", "GET", "/crm/v3/properties/{object}", self.properties),
            ("property", "GET", "/crm/v3/properties/{object}/{name}", self.one_property),
            ("owners", "GET", "/crm/v3/owners", self.owners),
            ("owner", "GET", "/crm/v3/owners/{id}", self.owner),
            ("pipelines", "GET", "/crm/v3/pipelines/{object}", self.pipelines),
            ("pipeline", "GET", "/crm/v3/pipelines/{object}/{id}", self.pipeline),
            ("schemas", "GET", "/crm/v3/schemas", self.schemas),
            ("schemas", "GET", "/crm-object-schemas/v3/schemas", self.schemas),
            ("account", "GET", "/account-info/v3/details", self.account),
        ]
        routes: list[BaseRoute] = [
            Route(path, endpoint(self.token), methods=["POST"], name="token")
            for path in ("/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token")
        ]
        for name, method, path, handler in table:
            run = endpoint(self._guarded(handler, limited_as_search=name == "search"))
            routes.append(Route(path, run, methods=[method], name=name))
            routes.append(Route(path + "/", run, methods=[method], name=name))
        return routes

    # Who may call, and how often.

    def _guarded(self, handler: Callable[[Call], Response], *, limited_as_search: bool) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            try:
                self._authenticate(call)
                self._check_scopes(call)
                if len(str(call.query)) > _LONGEST_URL:
                    return Response("<html><body><h1>414 URI Too Long</h1></body></html>", 414, media_type="text/html")
                refused = self._limits(limited_as_search)
                response = refused if refused is not None else handler(call)
            except ApiError as error:
                response = envelope(error.status, error.category, error.message, **error.more)
            except search.SearchError as error:
                response = envelope(400, "VALIDATION_ERROR", str(error))
            if not limited_as_search:
                response.headers.update(self._rate_headers())
            return response

        return run

    def _authenticate(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if self.sandbox.faults.strike("session_expired", "hubspot", call.path, call.method) is not None:
            self._oauth.clear()
            raise ApiError(
                401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired 1 minute(s) ago."
            )
        if scheme.lower() != "bearer" or (token.strip() != TOKEN and token.strip() not in self._oauth):
            raise ApiError(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
                "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )

    def _check_scopes(self, call: Call) -> None:
        missing = self.sandbox.faults.strike("missing_scope", "hubspot", call.path, call.method)
        if missing is not None:
            needed = {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": [missing["scope"]]},
            }
            raise ApiError(
                403,
                "MISSING_SCOPES",
                "This app hasn't been granted all required scopes to make this call. Read more about required scopes "
                "here: https://developers.hubspot.com/scopes.",
                errors=[needed],
                links={"scopes": "https://developers.hubspot.com/scopes"},
            )

    def _limits(self, is_search: bool) -> Response | None:
        """Count the call; a refusal when limits are enforced and it is one too many.

        Not enforced unless asked: a stand-in that makes everybody wait by real seconds teaches nothing after the first
        time.
        """
        self._today += 1
        searches = self._second.add() if is_search else 0
        calls = 0 if is_search else self._ten_seconds.add()
        self._used = calls or self._used
        for options in self.sandbox.faults.lasting("enforce_limits", "hubspot"):
            if searches > int(options["searches_per_second"]):
                return rate_limited(429, "SECONDLY")
            if calls > int(options["per_ten_seconds"]):
                return rate_limited(429, "TEN_SECONDLY_ROLLING")
        return None

    def _rate_headers(self) -> dict[str, str]:
        most = _PER_TEN_SECONDS
        for options in self.sandbox.faults.lasting("enforce_limits", "hubspot"):
            most = int(options["per_ten_seconds"])
        return {
            "X-HubSpot-RateLimit-Daily": str(_PER_DAY),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, _PER_DAY - self._today)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - self._used)),
        }

    def token(self, call: Call) -> Response:
        """OAuth: a code or a refresh token for an access token of 30 minutes."""
        form = {key: values[-1] for key, values in parse_qs(call.body.decode(errors="replace")).items()}
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return json_response({"status": "BAD_CLIENT_ID", "message": "missing or unknown client id"}, 400)
        if form.get("grant_type") not in ("refresh_token", "authorization_code"):
            return json_response({"status": "BAD_GRANT_TYPE", "message": "missing or unknown grant type"}, 400)
        token = secrets.token_urlsafe(32)
        self._oauth.add(token)
        refresh = form.get("refresh_token") or secrets.token_urlsafe(24)
        return json_response(
            {"access_token": token, "refresh_token": refresh, "expires_in": 1800, "token_type": "bearer"}
        )

    # Reading a call.

    def _type(self, name: str) -> str:
        found = objects.plural(name)
        if found is None:
            raise ApiError(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")
        return found

    def _listed(self, call: Call, name: str) -> list[str]:
        """A list parameter, repeated or with commas."""
        return [part for value in call.query.getlist(name) for part in value.split(",") if part]

    def _flag(self, call: Call, name: str) -> bool:
        return call.query.get(name, "false").lower() == "true"

    def _limit(self, call: Call, default: int, most: int) -> int:
        text = call.query.get("limit", str(default))
        if not text.isdigit() or not 0 < int(text) <= most:
            raise ApiError(400, "VALIDATION_ERROR", f"Invalid limit {text}: must be between 1 and {most}")
        return int(text)

    def _after(self, call: Call) -> int:
        text = call.query.get("after") or "0"
        if not text.isdigit():
            raise ApiError(400, "VALIDATION_ERROR", f"Invalid after {text}")
        return int(text)

    def _body(self, call: Call) -> dict[str, Any]:
        try:
            body = call.json()
        except ValueError:
            raise ApiError(400, "VALIDATION_ERROR", "Invalid input JSON on line 1, column 1") from None
        if not isinstance(body, dict):
            raise ApiError(400, "VALIDATION_ERROR", "Invalid input JSON: an object is expected")
        return body

    def _next(self, call: Call, after: str) -> dict[str, Any]:
        pairs = [(key, value) for key, value in call.query.multi_items() if key != "after"]
        link = f"{call.base_url}{call.path}?{urlencode([*pairs, ('after', after)])}"
        return {"next": {"after": after, "link": link}}

    # Objects.

    def list_objects(self, call: Call) -> Response:
        """All records of a type, live or archived, by rising id."""
        object_type = self._type(call.params["object"])
        past = self._listed(call, "propertiesWithHistory")
        limit = self._limit(call, 10, history.MOST_RECORDS if past else _BATCH)
        after = self._after(call)
        if after and self.sandbox.faults.strike("same_page_twice", "hubspot", call.path, call.method) is not None:
            after = max(0, after - limit)
        wanted = self._wanted(object_type, self._listed(call, "properties"), past)
        archived = "archived" if self._flag(call, "archived") else "not archived"
        sql = objects.select(object_type, wanted, self.sandbox.faults)
        sql += f" where {archived} and {NUMERIC_ID} >= ? order by {NUMERIC_ID} limit ?"
        rows = self.sandbox.store.query(sql, (after, limit + 1))
        found = objects.records(rows.slice(0, limit), wanted)
        history.add(self.sandbox, object_type, found, past)
        self._associate(call, object_type, found)
        answer: dict[str, Any] = {"results": found}
        if rows.num_rows > limit:
            following = str(after) if self._reused(call) else str(int(found[-1]["id"]) + 1)
            answer["paging"] = self._next(call, following)
        return json_response(answer)

    def _reused(self, call: Call) -> bool:
        """Whether the next page is to be this one again."""
        return self.sandbox.faults.strike("reused_locator", "hubspot", call.path, call.method) is not None

    def _wanted(self, object_type: str, asked: Sequence[str], past: Sequence[str]) -> Sequence[Property]:
        faults = self.sandbox.faults
        if not past:
            return objects.wanted_properties(object_type, asked, faults)
        base = asked or [prop.name for prop in objects.wanted_properties(object_type, (), faults)]
        return objects.wanted_properties(object_type, [*base, *past], faults)

    def _associate(self, call: Call, object_type: str, found: Sequence[dict[str, Any]]) -> None:
        """Add ``associations`` of the types asked for, the first page of each."""
        for name in self._listed(call, "associations"):
            to_type = self._type(name)
            linked = associations.links(self.sandbox.store, object_type, to_type, [record["id"] for record in found])
            for record in found:
                targets, after = associations.page(linked.get(record["id"], []), None, self._association_page())
                if not targets:
                    continue
                part: dict[str, Any] = {"results": associations.v3(object_type, to_type, targets)}
                if after is not None:
                    path = f"/crm/v3/objects/{object_type}/{record['id']}/associations/{to_type}"
                    part["paging"] = {"next": {"after": after, "link": f"{call.base_url}{path}?after={after}"}}
                record.setdefault("associations", {})[to_type] = part

    def get(self, call: Call) -> Response:
        """One record, by id or another unique property; an id that was merged away brings the record that lives on."""
        object_type = self._type(call.params["object"])
        past = self._listed(call, "propertiesWithHistory")
        wanted = self._wanted(object_type, self._listed(call, "properties"), past)
        key = call.params["id"]
        found = self._read(
            object_type, [key], wanted, past, call.query.get("idProperty"), archived=self._flag(call, "archived")
        )
        if key not in found:
            raise ApiError(404, "OBJECT_NOT_FOUND", "resource not found", context={"id": [key]})
        self._associate(call, object_type, [found[key]])
        return json_response(found[key])

    def _read(
        self, object_type: str, keys: Sequence[str], wanted: Sequence[Property], past: Sequence[str],
        id_property: str | None, *, archived: bool,
    ) -> dict[str, dict[str, Any]]:  # fmt: skip
        """Records by the key they were asked for."""
        column = "id"
        if id_property is not None and id_property not in ("hs_object_id", "id"):
            known = objects.properties_of(object_type, self.sandbox.faults)
            if id_property not in known or id_property != "email":
                raise ApiError(400, "VALIDATION_ERROR", f"{id_property} is not a unique identifier property")
            column = f"lower({id_property})"
        moved = objects.survivors(self.sandbox.store, object_type, keys) if column == "id" else {}
        sought = {key: moved.get(key, key) if column == "id" else key.lower() for key in keys}
        sql = objects.select(object_type, wanted, self.sandbox.faults).replace(
            "select ", f"select {column} as key, ", 1
        )
        state = "archived" if archived else "not archived"
        sql += f" where {state} and {column} in ({', '.join('?' * len(sought))}) order by {NUMERIC_ID}"
        rows = self.sandbox.store.query(sql, list(sought.values()))
        found = objects.records(rows.drop_columns(["key"]), wanted)
        history.add(self.sandbox, object_type, found, past)
        by_key = dict(zip(rows.column("key").to_pylist(), found, strict=True))
        return {key: dict(by_key[target]) for key, target in sought.items() if target in by_key}

    def batch_read(self, call: Call) -> Response:
        """Up to 100 records by id, 50 with histories; those that are not there make it a 207."""
        object_type = self._type(call.params["object"])
        body = self._body(call)
        past = [str(name) for name in body.get("propertiesWithHistory") or ()]
        keys = self._inputs(body, _BATCH)
        if past and len(keys) > history.MOST_RECORDS:
            raise ApiError(
                400,
                "VALIDATION_ERROR",
                "The maximum number of inputs supported in a batch request for property histories is "
                f"{history.MOST_RECORDS}. Please reduce the number of items and try again",
            )
        wanted = self._wanted(object_type, [str(name) for name in body.get("properties") or ()], past)
        found = self._read(
            object_type, keys, wanted, past, body.get("idProperty"), archived=self._flag(call, "archived")
        )
        if self.sandbox.faults.strike("partial_batch", "hubspot", call.path, call.method) is not None:
            found.pop(keys[-1], None)
        missing = [key for key in keys if key not in found]
        # Two ids of one merged record bring it once.
        results = list({record["id"]: record for record in found.values()}.values())
        singular = TYPES[object_type][0].upper()
        message = f"Could not get some {singular} objects, they may be deleted or not exist. Check that ids are valid."
        return self._batch_answer(results, missing, message)

    def _inputs(self, body: dict[str, Any], most: int) -> list[str]:
        inputs = body.get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(item, dict) and "id" in item for item in inputs):
            raise ApiError(400, "VALIDATION_ERROR", "Invalid input JSON: inputs must be a list of objects with an id")
        if len(inputs) > most:
            raise ApiError(
                400, "VALIDATION_ERROR", f"The maximum number of inputs supported in a batch request is {most}"
            )
        keys = [str(item["id"]) for item in inputs]
        if len(set(keys)) < len(keys):
            raise ApiError(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        return keys

    def _batch_answer(self, results: Sequence[dict[str, Any]], missing: Sequence[str], message: str) -> Response:
        now = self.sandbox.now("hubspot").strftime("%Y-%m-%dT%H:%M:%S.000Z")
        answer: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if not missing:
            return json_response(answer)
        problem = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": message,
            "context": {"ids": list(missing)},
        }
        return json_response({**answer, "numErrors": 1, "errors": [problem]}, 207)

    def search_objects(self, call: Call) -> Response:
        """Live records that meet the filters."""
        object_type = self._type(call.params["object"])
        known = objects.properties_of(object_type, self.sandbox.faults)
        asked = search.parse(self._body(call), len(call.body), known)
        condition, params = asked.condition, list(asked.params)
        for options in self.sandbox.faults.lasting("search_lag", "hubspot"):
            condition += " and updated_at <= ?::timestamp - to_seconds(?)"
            params += [self.sandbox.clock, float(options["seconds"])]
        table = table_sql(f"hubspot.{object_type}")
        total = self.sandbox.store.query(f"select count(*) from {table} where {condition}", params).column(0)[0].as_py()
        wanted = objects.wanted_properties(object_type, asked.properties, self.sandbox.faults)
        select = objects.select(object_type, wanted, self.sandbox.faults)
        after = asked.after
        if after and self.sandbox.faults.strike("same_page_twice", "hubspot", call.path, call.method) is not None:
            after = max(0, after - asked.limit)
        sql = f"{select} where {condition} order by {asked.order} limit ? offset ?"
        found = objects.records(self.sandbox.store.query(sql, [*params, asked.limit, after]), wanted)
        if len(found) > 1 and self.sandbox.faults.lasting("search_out_of_order", "hubspot"):
            found[0], found[1] = found[1], found[0]
        if self.sandbox.faults.lasting("search_out_of_window", "hubspot"):
            strange = f"{select} where not archived and not ({condition}) order by {NUMERIC_ID} limit 1"
            found += objects.records(self.sandbox.store.query(strange, params), wanted)
        answer: dict[str, Any] = {"total": total, "results": found}
        if after + asked.limit < total:
            following = after if self._reused(call) else after + asked.limit
            answer["paging"] = {"next": {"after": str(following)}}
        return json_response(answer)

    # Associations.

    def _association_page(self) -> int:
        sizes = [int(options["size"]) for options in self.sandbox.faults.lasting("association_pages", "hubspot")]
        return min([associations.PAGE, *sizes])

    def _targets(self, call: Call) -> tuple[str, str, associations.Targets, str | None]:
        from_type, to_type = self._type(call.params["object"]), self._type(call.params["to"])
        record = call.params["id"]
        linked = associations.links(self.sandbox.store, from_type, to_type, [record]).get(record, [])
        limit = min(self._limit(call, 500, 500), self._association_page())
        targets, after = associations.page(linked, call.query.get("after"), limit)
        return from_type, to_type, targets, after

    def associations_v3(self, call: Call) -> Response:
        """One record's links to a type, version 3."""
        from_type, to_type, targets, after = self._targets(call)
        answer: dict[str, Any] = {"results": associations.v3(from_type, to_type, targets)}
        return json_response(answer | ({"paging": self._next(call, after)} if after is not None else {}))

    def associations_v4(self, call: Call) -> Response:
        """One record's links to a type, version 4."""
        _, _, targets, after = self._targets(call)
        answer: dict[str, Any] = {"results": associations.v4(targets)}
        return json_response(answer | ({"paging": self._next(call, after)} if after is not None else {}))

    def batch_associations(self, call: Call) -> Response:
        """Links of up to 1,000 records; those without any are errors of a 207."""
        from_type, to_type = self._type(call.params["object"]), self._type(call.params["to"])
        body = self._body(call)
        ids = self._inputs(body, _MOST_INPUTS)
        linked = associations.links(self.sandbox.store, from_type, to_type, ids)
        results: list[dict[str, Any]] = []
        for item in body["inputs"]:
            targets, after = associations.page(
                linked.get(str(item["id"]), []), item.get("after"), self._association_page()
            )
            if not targets:
                continue
            result: dict[str, Any] = {"from": {"id": str(item["id"])}, "to": associations.v4(targets)}
            if after is not None:
                link = f"{call.base_url}/crm/v4/objects/{from_type}/{item['id']}/associations/{to_type}?after={after}"
                result["paging"] = {"next": {"after": after, "link": link}}
            results.append(result)
        missing = [record for record in ids if record not in linked]
        singular = TYPES[from_type][0]
        return self._batch_answer(results, missing, f"No {to_type} is associated with some of the {singular} ids")

    # What surrounds the objects.

    def _property(self, prop: Property) -> dict[str, Any]:
        read_only = prop.calculated or prop.name in ("hs_object_id", "createdate", "hs_lastmodifieddate")
        moment = "2019-08-06T02:41:52.007Z"
        return {
            "updatedAt": moment,
            "createdAt": moment,
            "name": prop.name,
            "label": prop.label,
            "type": prop.type,
            "fieldType": prop.field_type,
            "description": "",
            "groupName": "information",
            "options": [],
            "displayOrder": -1,
            "calculated": prop.calculated,
            "externalOptions": False,
            "archived": False,
            "hasUniqueValue": prop.name == "email",
            "hidden": False,
            "hubspotDefined": prop.name not in ("web_user_id", "salesforcecontactid"),
            "modificationMetadata": {
                "archivable": False,
                "readOnlyDefinition": True,
                "readOnlyOptions": False,
                "readOnlyValue": read_only or prop.name == "lastmodifieddate",
            },
            "formField": not read_only,
            "dataSensitivity": "non_sensitive",
        }

    def properties(self, call: Call) -> Response:
        """The properties of a type; none are archived."""
        known = objects.properties_of(self._type(call.params["object"]), self.sandbox.faults)
        found = [] if self._flag(call, "archived") else [self._property(prop) for prop in known.values()]
        return json_response({"results": found})

    def one_property(self, call: Call) -> Response:
        """One property."""
        known = objects.properties_of(self._type(call.params["object"]), self.sandbox.faults)
        prop = known.get(call.params["name"])
        if prop is None:
            raise ApiError(404, "OBJECT_NOT_FOUND", f"Property {call.params['name']} does not exist")
        return json_response(self._property(prop))

    def _owner_rows(self, where: str, params: Sequence[object]) -> list[dict[str, Any]]:
        created, updated = (objects.moment_sql(name, True) for name in ("created_at", "updated_at"))
        sql = f"""
            select
                id, email, 'PERSON' as "type", first_name as "firstName", last_name as "lastName",
                case when not archived then user_id end as "userId", user_id as "userIdIncludingInactive",
                {created} as "createdAt", {updated} as "updatedAt", archived
            from hubspot.owners where {where}
        """
        return self.sandbox.store.query(sql, params).to_pylist()

    def owners(self, call: Call) -> Response:
        """Owners, active or archived ones."""
        limit, after = self._limit(call, 100, 500), self._after(call)
        archived = "archived" if self._flag(call, "archived") else "not archived"
        where = f"{archived} and {NUMERIC_ID} >= ?"
        params: list[object] = [after]
        if (email := call.query.get("email")) is not None:
            where += " and lower(email) = lower(?)"
            params.append(email)
        found = self._owner_rows(f"{where} order by {NUMERIC_ID} limit ?", [*params, limit + 1])
        answer: dict[str, Any] = {"results": found[:limit]}
        if len(found) > limit:
            answer["paging"] = self._next(call, str(int(found[limit - 1]["id"]) + 1))
        return json_response(answer)

    def owner(self, call: Call) -> Response:
        """One owner, by owner id or (``idProperty=userId``) by user id."""
        column = "user_id::varchar" if call.query.get("idProperty") == "userId" else "id"
        archived = "archived" if self._flag(call, "archived") else "not archived"
        found = self._owner_rows(f"{archived} and {column} = ?", [call.params["id"]])
        if not found:
            raise ApiError(404, "OBJECT_NOT_FOUND", "resource not found")
        return json_response(found[0])

    def _pipelines(self, object_type: str) -> list[dict[str, Any]]:
        created, updated = (objects.moment_sql(name, True) for name in ("created_at", "updated_at"))
        moments = f'{created} as "createdAt", {updated} as "updatedAt", archived'
        pipelines = self.sandbox.store.query(
            f'select id, label, display_order as "displayOrder", {moments} from hubspot.pipelines '
            "where object_type in (?, ?) order by display_order, id",
            (object_type, TYPES[object_type][0]),
        ).to_pylist()
        stages = self.sandbox.store.query(
            f'select pipeline_id, id, label, display_order as "displayOrder", probability, is_closed, {moments} '
            "from hubspot.pipeline_stages order by display_order, id"
        ).to_pylist()
        for stage in stages:
            closed, probability = stage.pop("is_closed"), stage.pop("probability")
            stage["metadata"] = {"isClosed": "true" if closed else "false"}
            if probability is not None:
                stage["metadata"]["probability"] = str(probability)
        for pipeline in pipelines:
            pipeline["stages"] = [
                {key: value for key, value in stage.items() if key != "pipeline_id"}
                for stage in stages
                if stage["pipeline_id"] == pipeline["id"]
            ]
        return pipelines

    def pipelines(self, call: Call) -> Response:
        """All pipelines of a type with their stages, never paged."""
        return json_response({"results": self._pipelines(self._type(call.params["object"]))})

    def pipeline(self, call: Call) -> Response:
        """One pipeline."""
        for pipeline in self._pipelines(self._type(call.params["object"])):
            if pipeline["id"] == call.params["id"]:
                return json_response(pipeline)
        raise ApiError(404, "OBJECT_NOT_FOUND", "resource not found")

    def schemas(self, call: Call) -> Response:
        """Custom objects: there are none."""
        return json_response({"results": []})

    def account(self, call: Call) -> Response:
        """The account itself."""
        return json_response(
            {
                "portalId": 62515,
                "accountType": "STANDARD",
                "timeZone": "UTC",
                "companyCurrency": "EUR",
                "additionalCurrencies": [],
                "utcOffset": "+00:00",
                "utcOffsetMilliseconds": 0,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )
