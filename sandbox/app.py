"""One ASGI app with the three vendors side by side, and the controls of the sandbox under ``/_sandbox``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import UnknownFault
from sandbox.front import Front, System
from sandbox.hubspot import api as hubspot
from sandbox.salesforce import api as salesforce
from sandbox.salesforce import errors
from sandbox.segment import api as segment
from sandbox.state import CompanyLike, Sandbox
from sandbox.web import Call, endpoint, json_response


class Control:
    """Health, days, truth, faults, calls: what no vendor has."""

    def __init__(self, sandbox: Sandbox, about: dict[str, Any]) -> None:
        """``about`` is told by health: people and seed."""
        self.sandbox = sandbox
        self.about = about

    def routes(self) -> list[Route]:
        """All under ``/_sandbox``."""
        table = [
            ("GET", "health", self.health),
            ("POST", "advance", self.advance),
            ("GET", "truth/{name}.parquet", self.truth),
            ("GET", "faults", self.list_faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "calls", self.calls),
            ("DELETE", "calls", self.reset_calls),
            ("POST", "sql", self.sql),
        ]
        return [Route(f"/_sandbox/{path}", endpoint(handler), methods=[method]) for method, path, handler in table]

    def health(self, call: Call) -> Response:
        """Where the company stands."""
        clock = self.sandbox.clock.strftime("%Y-%m-%dT%H:%M:%SZ")
        return json_response({"day": self.sandbox.day, "clock": clock, **self.about})

    def advance(self, call: Call) -> Response:
        """Live one day."""
        self.sandbox.advance()
        return self.health(call)

    def truth(self, call: Call) -> Response:
        """Who is who, as Parquet."""
        import pyarrow.parquet as pq

        table = self.sandbox.company.tables.get(f"truth.{call.params['name']}")
        if table is None:
            return json_response({"error": "There is truth about records and people."}, 404)
        sink = io.BytesIO()
        pq.write_table(pa.table(table), sink)
        return Response(sink.getvalue(), media_type="application/vnd.apache.parquet")

    def list_faults(self, call: Call) -> Response:
        """Faults that are on, and how often each has struck."""
        return json_response(self.sandbox.faults.as_json())

    def add_faults(self, call: Call) -> Response:
        """Switch one on, or a list of them."""
        try:
            asked = call.json()
            specs = asked if isinstance(asked, list) else [asked]
            added = [self.sandbox.faults.add(spec).as_json() for spec in specs]
        except (UnknownFault, ValueError, AttributeError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response(added)

    def clear_faults(self, call: Call) -> Response:
        """Switch all off."""
        self.sandbox.faults.clear()
        return json_response([])

    def calls(self, call: Call) -> Response:
        """Calls by system and endpoint since the last reset."""
        return json_response(self.sandbox.calls.as_json())

    def reset_calls(self, call: Call) -> Response:
        """Count from nothing."""
        self.sandbox.calls.reset()
        return json_response({})

    def sql(self, call: Call) -> Response:
        """Edit records as no API would: ``{"sql": "update salesforce.\\"Contact\\" set ..."}``, until the next day."""
        try:
            return json_response({"rows": self.sandbox.store.execute(call.json()["sql"])})
        except (duckdb.Error, ValueError, KeyError, TypeError) as error:
            return json_response({"error": str(error)}, 400)


def create_app(company: CompanyLike, *, archive: Path | None = None, about: dict[str, Any] | None = None) -> ASGIApp:
    """The app over a company; ``archive`` is the folder for Segment's files, ``about`` what health adds to the day."""
    sandbox = Sandbox(company, archive)
    systems = [
        System("salesforce", salesforce.SalesforceApi(sandbox).routes(), errors.error, errors.rate_limited),
        System("hubspot", hubspot.HubSpotApi(sandbox).routes(), hubspot.error, hubspot.rate_limited),
        System("segment", segment.SegmentApi(sandbox).routes(), segment.error, segment.rate_limited),
    ]
    control = Control(sandbox, about or {})
    routes = [*control.routes(), *(route for system in systems for route in system.routes)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Front(app, sandbox, systems)
