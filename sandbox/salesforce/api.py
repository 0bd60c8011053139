"""Salesforce's REST face: token endpoint, sessions, describe, queries with cursors, deleted/updated, Bulk 2.0 jobs.

Any API version is served alike. Answers carry ``Sforce-Limit-Info``; errors are the vendor's array envelope.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

import pyarrow as pa
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.company.schema import SALESFORCE
from sandbox.credentials import CLIENT_ID, CLIENT_SECRET
from sandbox.salesforce import bulk, catalog, ids, soql
from sandbox.salesforce.errors import JSON, ApiError, envelope
from sandbox.salesforce.query import Compiled, compile_bulk, compile_count, compile_rest, rest_records, unknown_object
from sandbox.state import Sandbox
from sandbox.web import Call, endpoint, json_response

PAGE: Final = 2000
_SMALLEST_PAGE: Final = 200
# Beyond this the real servers answer 414 before anybody reads the query.
_LONGEST_URL: Final = 16384
_DEFAULT_BULK_PAGE: Final = 100_000
_CURSORS_KEPT: Final = 200
_VERSION = re.compile(r"\d+\.\d")


def _not_found() -> ApiError:
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


@dataclass
class Cursor:
    """A query's rows, kept for its next pages."""

    rows: pa.Table
    compiled: Compiled
    entity: str
    resource: str
    aggregate: bool
    page: int


class SalesforceApi:
    """All of Salesforce's endpoints over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """No sessions, cursors or jobs yet."""
        self.sandbox = sandbox
        self.jobs = bulk.Jobs()
        self._sessions: set[str] = set()
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._numbers = itertools.count(1)
        self._calls = itertools.count(1)

    def routes(self) -> list[BaseRoute]:
        """Paths as Starlette wants them; a trailing slash is accepted wherever the vendor accepts it."""
        data = "/services/data/v{version}"
        table: list[tuple[str, str, str, Callable[[Call], Response]]] = [
            ("versions", "GET", "/services/data", self.versions),
            ("resources", "GET", data, self.resources),
            ("limits", "GET", f"{data}/limits", self.limits),
            ("sobjects", "GET", f"{data}/sobjects", self.sobjects),
            ("sobject", "GET", f"{data}/sobjects/{{object}}", self.sobject),
            ("describe", "GET", f"{data}/sobjects/{{object}}/describe", self.describe),
            ("deleted", "GET", f"{data}/sobjects/{{object}}/deleted", self.deleted),
            ("updated", "GET", f"{data}/sobjects/{{object}}/updated", self.updated),
            ("record", "GET", f"{data}/sobjects/{{object}}/{{id}}", self.record),
            ("query", "GET", f"{data}/query", self.query),
            ("queryAll", "GET", f"{data}/queryAll", self.query_all),
            ("query_more", "GET", f"{data}/query/{{locator}}", self.query_more),
            ("query_more", "GET", f"{data}/queryAll/{{locator}}", self.query_more),
            ("bulk_create", "POST", f"{data}/jobs/query", self.create_job),
            ("bulk_list", "GET", f"{data}/jobs/query", self.list_jobs),
            ("bulk_state", "GET", f"{data}/jobs/query/{{id}}", self.get_job),
            ("bulk_abort", "PATCH", f"{data}/jobs/query/{{id}}", self.abort_job),
            ("bulk_delete", "DELETE", f"{data}/jobs/query/{{id}}", self.delete_job),
            ("bulk_results", "GET", f"{data}/jobs/query/{{id}}/results", self.job_results),
        ]
        routes: list[BaseRoute] = [
            Route("/services/oauth2/token", endpoint(self.token), methods=["POST"], name="token"),
        ]
        for name, method, path, handler in table:
            run = endpoint(self._guarded(handler))
            routes.append(Route(path, run, methods=[method], name=name))
            routes.append(Route(path + "/", run, methods=[method], name=name))
        return routes

    # Who may call.

    def _guarded(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            try:
                self._check(call)
                response = handler(call)
            except ApiError as error:
                response = envelope(error.status, error.code, error.message)
            except soql.SoqlError as error:
                response = envelope(400, error.code, error.message)
            response.headers["Sforce-Limit-Info"] = self._usage()
            return response

        return run

    def _usage(self) -> str:
        used, most = next(self._calls), 15000
        for options in self.sandbox.faults.lasting("api_usage", "salesforce"):
            used, most = int(options["used"]), int(options["max"])
        return f"api-usage={used}/{most}"

    def _check(self, call: Call) -> None:
        if len(str(call.query)) > _LONGEST_URL:
            raise ApiError(414, "URI_TOO_LONG", "URI Too Long")
        header = call.headers.get("authorization")
        scheme, _, session = (header or "").partition(" ")
        if scheme not in ("Bearer", "OAuth"):
            raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        if self.sandbox.faults.strike("session_expired", "salesforce", call.path, call.method) is not None:
            self._sessions.clear()
        if session.strip() not in self._sessions:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        version = call.params.get("version")
        if version is not None and not _VERSION.fullmatch(version):
            raise _not_found()

    def token(self, call: Call) -> Response:
        """OAuth: client credentials, by Basic header or in the form."""
        form = {key: values[-1] for key, values in parse_qs(call.body.decode(errors="replace")).items()}
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (ValueError, binascii.Error):
                client_id = ""

        def refuse(error: str, description: str) -> Response:
            return json_response({"error": error, "error_description": description}, 400, media_type=JSON)

        grant = form.get("grant_type")
        if grant is None:
            return refuse("unsupported_grant_type", "grant type not supported")
        if grant in ("password", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
            return refuse("invalid_grant", "authentication failure")
        if grant != "client_credentials":
            return refuse("unsupported_grant_type", "grant type not supported")
        if client_id != CLIENT_ID:
            return refuse("invalid_client_id", "client identifier invalid")
        if not secrets.compare_digest(client_secret.encode(), CLIENT_SECRET.encode()):
            return refuse("invalid_client", "invalid client credentials")
        session = f"00D5g00000SANDB!AQ{secrets.token_urlsafe(48)}"
        self._sessions.add(session)
        issued = self.sandbox.now("salesforce").replace(tzinfo=UTC)
        answer = {
            "access_token": session,
            "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
            "scope": "api",
            "instance_url": call.base_url,
            "id": f"{call.base_url}/id/00D5g00000SANDBEAA/0055g00000SANDBAA0",
            "token_type": "Bearer",
            "issued_at": str(int(issued.timestamp() * 1000)),
            "api_instance_url": call.base_url,
        }
        return json_response(answer, media_type=JSON)

    # What there is.

    def _base(self, call: Call) -> str:
        return f"/services/data/v{call.params['version']}"

    def versions(self, call: Call) -> Response:
        """The versions on offer."""
        known = [f"{number}.0" for number in range(50, 67)]
        return json_response(
            [{"label": f"Release {v}", "url": f"/services/data/v{v}", "version": v} for v in known], media_type=JSON
        )

    def resources(self, call: Call) -> Response:
        """The resources of one version."""
        base = self._base(call)
        names = ("jobs", "limits", "query", "queryAll", "sobjects")
        return json_response({name: f"{base}/{name}" for name in names}, media_type=JSON)

    def limits(self, call: Call) -> Response:
        """What is left of the day's allowances."""
        used, most = (int(part) for part in self._usage().partition("=")[2].split("/"))
        jobs = len(self.jobs.all())
        limits = {
            "DailyApiRequests": (most, most - used),
            "DailyBulkApiBatches": (15000, 15000),
            "DailyBulkV2QueryFileStorageMB": (976562, 976562),
            "DailyBulkV2QueryJobs": (10000, 10000 - jobs),
        }
        answer = {name: {"Max": top, "Remaining": left} for name, (top, left) in limits.items()}
        return json_response(answer, media_type=JSON)

    def sobjects(self, call: Call) -> Response:
        """The list of objects."""
        objects = [catalog.summary(definition, self._base(call)) for definition in SALESFORCE.values()]
        return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}, media_type=JSON)

    def _view(self, call: Call) -> catalog.ObjectView:
        view = catalog.find(call.params["object"], self.sandbox.day, self.sandbox.faults)
        if view is None:
            raise _not_found()
        return view

    def sobject(self, call: Call) -> Response:
        """One object in brief."""
        summary = catalog.summary(self._view(call).definition, self._base(call))
        return json_response({"objectDescribe": summary, "recentItems": []}, media_type=JSON)

    def describe(self, call: Call) -> Response:
        """One object with its fields."""
        return json_response(catalog.describe(self._view(call), self._base(call)), media_type=JSON)

    def record(self, call: Call) -> Response:
        """One record, whole or the ``fields`` asked for; a deleted one is 404 ENTITY_IS_DELETED."""
        view = self._view(call)
        wanted = call.query.get("fields")
        fields = wanted or ",".join(column.field.name for column in view.columns.values())
        record_id = ids.normalised(call.params["id"])
        if record_id is None:
            raise ApiError(
                404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {call.params['id']}"
            )
        query = soql.parse(f"SELECT {fields} FROM {view.name} WHERE Id = '{record_id}'")
        live = self._run(query, include_deleted=False)
        if live.rows.num_rows == 0:
            deleted = view.has_deleted and self._run(query, include_deleted=True).rows.num_rows
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted") if deleted else _not_found()
        return json_response(self._records(call, live, live.rows)[0], media_type=JSON)

    # Queries.

    def _run(self, query: soql.Query, *, include_deleted: bool) -> Cursor:
        view = catalog.find(query.entity.name, self.sandbox.day, self.sandbox.faults)
        if view is None:
            raise unknown_object(query)
        compiled = compile_rest(
            query, view, self.sandbox.now("salesforce"), include_deleted=include_deleted,
            float_integers=bool(self.sandbox.faults.lasting("float_integers", "salesforce")),
        )  # fmt: skip
        rows = self.sandbox.store.query(compiled.sql, compiled.params)
        resource = "queryAll" if include_deleted else "query"
        return Cursor(rows, compiled, view.name, resource, query.is_aggregate, PAGE)

    def _records(self, call: Call, cursor: Cursor, rows: pa.Table) -> list[dict[str, Any]]:
        return rest_records(rows, cursor.compiled, cursor.entity, self._base(call), aggregate=cursor.aggregate)

    def query(self, call: Call) -> Response:
        """Records that are not in the recycle bin."""
        return self._query(call, include_deleted=False)

    def query_all(self, call: Call) -> Response:
        """All records, deleted and merged ones too."""
        return self._query(call, include_deleted=True)

    def _query(self, call: Call, *, include_deleted: bool) -> Response:
        query = soql.parse(call.query.get("q", ""))
        if query.is_plain_count:
            view = catalog.find(query.entity.name, self.sandbox.day, self.sandbox.faults)
            if view is None:
                raise unknown_object(query)
            counted = compile_count(query, view, self.sandbox.now("salesforce"), include_deleted=include_deleted)
            total = self.sandbox.store.query(counted.sql, counted.params).column(0)[0].as_py()
            return json_response({"totalSize": total, "done": True, "records": []}, media_type=JSON)
        cursor = self._run(query, include_deleted=include_deleted)
        cursor.page = self._page_size(call)
        locator = f"01g{ids.numbered('01g', next(self._numbers))[3:]}"
        self._cursors[locator] = cursor
        while len(self._cursors) > _CURSORS_KEPT:
            self._cursors.popitem(last=False)
        return self._page(call, locator, cursor, 0)

    def _page_size(self, call: Call) -> int:
        asked = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""))
        size = min(max(int(asked.group(1)), _SMALLEST_PAGE), PAGE) if asked else PAGE
        short = self.sandbox.faults.strike("short_pages", "salesforce", call.path, call.method)
        return min(size, int(short["size"])) if short is not None else size

    def query_more(self, call: Call) -> Response:
        """The page a ``nextRecordsUrl`` names."""
        locator, _, offset = call.params["locator"].rpartition("-")
        cursor = self._cursors.get(locator)
        expired = self.sandbox.faults.strike("locator_expired", "salesforce", call.path, call.method) is not None
        if cursor is None or expired or not offset.isdigit() or int(offset) > cursor.rows.num_rows:
            self._cursors.pop(locator, None)
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        start = int(offset)
        if self.sandbox.faults.strike("same_page_twice", "salesforce", call.path, call.method) is not None:
            start = max(0, start - cursor.page)
        return self._page(call, locator, cursor, start)

    def _page(self, call: Call, locator: str, cursor: Cursor, start: int) -> Response:
        total = cursor.rows.num_rows
        stop = min(start + cursor.page, total)
        answer: dict[str, Any] = {"totalSize": total, "done": stop >= total}
        if stop < total:
            reused = self.sandbox.faults.strike("reused_locator", "salesforce", call.path, call.method) is not None
            offset = start if reused else stop
            answer["nextRecordsUrl"] = f"{self._base(call)}/{cursor.resource}/{locator}-{offset}"
        answer["records"] = self._records(call, cursor, cursor.rows.slice(start, stop - start))
        return json_response(answer, media_type=JSON)

    # Replication.

    def _span(self, call: Call, days: int) -> tuple[datetime, datetime]:
        def moment(name: str) -> datetime:
            text = call.query.get(name, "").replace(" ", "+")
            try:
                found = datetime.fromisoformat(text)
            except ValueError:
                raise ApiError(400, "INVALID_FIELD", f"Invalid value for parameter {name}: {text}") from None
            return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found

        start, end = moment("start"), moment("end")
        if end - start <= timedelta(minutes=1):
            message = "startDate before endDate must be greater than one minute"
            raise ApiError(400, "INVALID_REPLICATION_DATE", message)
        if start < self.sandbox.now("salesforce") - timedelta(days=days):
            message = f"startDate cannot be more than {days} days ago"
            raise ApiError(400, "INVALID_REPLICATION_DATE", message)
        return start, end

    def _covered(self, end: datetime) -> str:
        latest = min(end, self.sandbox.now("salesforce"))
        return latest.strftime("%Y-%m-%dT%H:%M:00.000+0000")

    def deleted(self, call: Call) -> Response:
        """Ids that went to the recycle bin in a span of at most 15 days; what left the bin is not told."""
        view = self._view(call)
        start, end = self._span(call, 15)
        found: list[dict[str, Any]] = []
        if view.has_deleted:
            sql = (
                'select "Id" as id, strftime("SystemModstamp", \'%Y-%m-%dT%H:%M:%S.%g+0000\') as "deletedDate" '
                f'from {view.table} where "IsDeleted" and "SystemModstamp" >= ? and "SystemModstamp" < ? order by 2, 1'
            )
            found = self.sandbox.store.query(sql, (start, end)).to_pylist()
        earliest = self.sandbox.now("salesforce") - timedelta(days=15)
        answer = {
            "deletedRecords": found,
            "earliestDateAvailable": earliest.strftime("%Y-%m-%dT%H:%M:00.000+0000"),
            "latestDateCovered": self._covered(end),
        }
        return json_response(answer, media_type=JSON)

    def updated(self, call: Call) -> Response:
        """Ids created or changed in a span of at most 30 days."""
        view = self._view(call)
        start, end = self._span(call, 30)
        live = 'not "IsDeleted" and ' if view.has_deleted else ""
        sql = f'select "Id" from {view.table} where {live}"SystemModstamp" >= ? and "SystemModstamp" < ? order by 1'
        found = self.sandbox.store.query(sql, (start, end)).column(0).to_pylist()
        return json_response({"ids": found, "latestDateCovered": self._covered(end)}, media_type=JSON)

    # Bulk API 2.0.

    def create_job(self, call: Call) -> Response:
        """A query job over the records as they are now."""
        try:
            wanted = call.json()
        except ValueError:
            raise ApiError(
                400, "JSON_PARSER_ERROR", "Unexpected end-of-input: expected close marker for Object"
            ) from None
        if not isinstance(wanted, dict):
            raise ApiError(
                400, "JSON_PARSER_ERROR", "Cannot deserialize instance of queryJobInput from START_ARRAY value"
            )
        operation = wanted.get("operation")
        if operation not in ("query", "queryAll"):
            raise ApiError(400, "API_ERROR", f"Unsupported operation: {operation}")
        delimiter, ending = wanted.get("columnDelimiter", "COMMA"), wanted.get("lineEnding", "LF")
        if delimiter not in bulk.DELIMITERS:
            raise ApiError(400, "API_ERROR", f"Invalid value for columnDelimiter: {delimiter}")
        if ending not in bulk.LINE_ENDINGS:
            raise ApiError(400, "API_ERROR", f"Invalid value for lineEnding: {ending}")
        text = wanted.get("query")
        if not isinstance(text, str) or not text.strip():
            raise ApiError(400, "API_ERROR", "The query parameter is required")
        faults = self.sandbox.faults
        rejected = faults.strike("job_rejected", "salesforce", call.path, text)
        if rejected is not None:
            raise ApiError(400, rejected["code"], rejected["message"])
        query = soql.parse(text)
        view = catalog.find(query.entity.name, self.sandbox.day, faults)
        if view is None:
            raise unknown_object(query)
        now = self.sandbox.now("salesforce")
        compiled = compile_bulk(
            query, view, now, include_deleted=operation == "queryAll",
            float_integers=bool(faults.lasting("float_integers", "salesforce")),
        )  # fmt: skip
        fate, failure, polls = "", None, 1
        if (failed := faults.strike("job_failed", "salesforce", call.path)) is not None:
            fate, failure = "failed", failed["message"]
        elif faults.strike("job_aborted", "salesforce", call.path) is not None:
            fate = "aborted"
        elif faults.strike("job_stuck", "salesforce", call.path) is not None:
            fate = "stuck"
        if (slow := faults.strike("slow_job", "salesforce", call.path)) is not None:
            polls = int(slow["polls"])
        job = self.jobs.create(
            self.sandbox.store, compiled, operation=operation, entity=view.name, query=text,
            version=call.params["version"], created=now, delimiter=delimiter, line_ending=ending, polls=polls,
            fate=fate, failure=failure,
        )  # fmt: skip
        return json_response(job.as_json(whole=False), media_type=JSON)

    def _job(self, call: Call) -> bulk.Job:
        job = self.jobs.get(call.params["id"])
        if job is None:
            raise _not_found()
        return job

    def list_jobs(self, call: Call) -> Response:
        """All query jobs."""
        records = [job.as_json(whole=False) for job in self.jobs.all()]
        return json_response({"done": True, "records": records, "nextRecordsUrl": None}, media_type=JSON)

    def get_job(self, call: Call) -> Response:
        """One job, as far as it is."""
        job = self._job(call)
        job.poll()
        return json_response(job.as_json(whole=True), media_type=JSON)

    def abort_job(self, call: Call) -> Response:
        """``{"state": "Aborted"}`` on a job that still runs."""
        job = self._job(call)
        try:
            state = call.json().get("state")
        except (ValueError, AttributeError):
            raise ApiError(
                400, "JSON_PARSER_ERROR", "Unexpected end-of-input: expected close marker for Object"
            ) from None
        if state != "Aborted":
            raise ApiError(400, "API_ERROR", f"Invalid state transition: {state}")
        with job.lock:
            if job.state in ("JobComplete", "Failed", "Aborted"):
                raise ApiError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
            job.state = "Aborted"
        return json_response(job.as_json(whole=False), media_type=JSON)

    def delete_job(self, call: Call) -> Response:
        """Forget a job that has ended."""
        job = self._job(call)
        if job.state in ("UploadComplete", "InProgress"):
            raise ApiError(400, "INVALIDJOBSTATE", f"Deleting {job.state} Job not allowed")
        self.jobs.delete(job)
        return Response(status_code=204)

    def job_results(self, call: Call) -> Response:
        """One page of CSV, from the locator on."""
        job = self._job(call)
        if call.params["version"] != job.version:
            raise ApiError(409, "API_ERROR", "Results must be read with the API version that created the job")
        if job.state != "JobComplete":
            raise ApiError(400, "INVALIDJOBSTATE", f"Results are not available for a job in state {job.state}")
        start = bulk.row_of(call.query["locator"]) if call.query.get("locator") else 0
        if start is None or (start >= job.results.rows and start > 0):
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        most = call.query.get("maxRecords", str(_DEFAULT_BULK_PAGE))
        if not most.isdigit() or int(most) < 1:
            raise ApiError(400, "API_ERROR", f"Invalid value for maxRecords: {most}")
        faults, where = self.sandbox.faults, (call.path, call.method)
        size = int(most)
        if (short := faults.strike("short_pages", "salesforce", *where)) is not None:
            size = min(size, int(short["size"]))
        stop = min(start + size, job.results.rows)
        last = stop >= job.results.rows
        headers = {
            "Sforce-Locator": "null" if last else bulk.locator(stop),
            "Sforce-NumberOfRecords": str(stop - start),
        }
        if not last and faults.strike("reused_locator", "salesforce", *where) is not None:
            headers["Sforce-Locator"] = bulk.locator(start)
        missing = faults.lasting("missing_locator", "salesforce")
        if any(options["pages"] == "all" or last for options in missing):
            del headers["Sforce-Locator"]
        if start > 0 and faults.strike("same_page_twice", "salesforce", *where) is not None:
            start, stop = max(0, start - size), start
        if faults.strike("missing_record_count", "salesforce", *where) is not None:
            del headers["Sforce-NumberOfRecords"]
        if (wrong := faults.strike("wrong_record_count", "salesforce", *where)) is not None:
            headers["Sforce-NumberOfRecords"] = str(stop - start + int(wrong["off_by"]))
        pieces = job.results.page(start, stop)
        if (cut := faults.strike("truncated_csv", "salesforce", *where)) is not None:
            pieces = _truncated(pieces, float(cut["keep"]), at_row=bool(cut["at_row"]))
        return StreamingResponse(pieces, headers=headers, media_type="text/csv; charset=UTF-8")


def _truncated(pieces: Iterator[bytes], keep: float, *, at_row: bool) -> Iterator[bytes]:
    """The first part of a page, cut anywhere or just after a row: complete to look at, status 200."""
    body = b"".join(pieces)
    cut = body[: int(len(body) * keep)]
    yield cut[: cut.rfind(b'"\n"') + 2] if at_row else cut
