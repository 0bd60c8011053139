"""In front of every API: which system a path is of, the count of calls, the Date header, faults of transport."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.state import Sandbox

# A vendor's way to say no: (status, code or policy or None) -> answer.
Refusal = Callable[[int, str | None], Response]
UNKNOWN = "unknown"
_HTML = b"<html>\n<head><title>Error</title></head>\n<body>Down for maintenance</body>\n</html>\n"


class System:
    """One vendor, as the front needs it."""

    def __init__(self, name: str, routes: Sequence[BaseRoute], error: Refusal, rate_limited: Refusal) -> None:
        """``error`` answers a status in the vendor's envelope, ``rate_limited`` says that too much was asked."""
        self.name = name
        self.routes = routes
        self.error = error
        self.rate_limited = rate_limited

    def endpoint(self, scope: Scope) -> str:
        """The name under which a call is counted: the route's, and the object it is about."""
        for route in self.routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                about = child.get("path_params", {}).get("object")
                return f"{getattr(route, 'name', '?')} {about}" if about else str(getattr(route, "name", "?"))
        return UNKNOWN


class Front:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox, systems: Sequence[System]) -> None:
        """Serve ``app``; paths that are no system's pass through, with a Date."""
        self.app = app
        self.sandbox = sandbox
        self.systems = systems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        system = self._system(scope["path"])
        name = system.name if system is not None else ""
        dated = self._dated(send, name)
        if system is None:
            await self.app(scope, receive, dated)
            return
        endpoint = system.endpoint(scope)
        self.sandbox.calls.count(name, endpoint)
        query = scope.get("query_string", b"").decode("latin-1")
        where = (name, scope["path"] + (f"?{query}" if query else ""), scope["method"])
        if (slow := self.sandbox.faults.strike("slow", *where)) is not None:
            await asyncio.sleep(float(slow["seconds"]))
        refusal = self._refusal(system, where)
        if refusal is None and endpoint == UNKNOWN:
            refusal = system.error(404, None)
        if refusal is not None:
            await refusal(scope, receive, dated)
            return
        spoil = self._spoiler(where, scope)
        if spoil is None:
            await self.app(scope, receive, dated)
        else:
            await self._spoilt(scope, receive, dated, spoil)

    def _system(self, path: str) -> System | None:
        prefixes = {"/services": "salesforce", "/crm": "hubspot", "/oauth": "hubspot", "/account-info": "hubspot"}
        prefixes["/v1/spaces"] = "segment"
        for prefix, name in prefixes.items():
            if path.startswith(prefix):
                return next((system for system in self.systems if system.name == name), None)
        return None

    def _dated(self, send: Send, system: str) -> Send:
        moment = self.sandbox.now(system).replace(microsecond=0, tzinfo=UTC)
        date = (b"date", format_datetime(moment, usegmt=True).encode())

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), date]}
            await send(message)

        return dated

    def _refusal(self, system: System, where: tuple[str, str, str]) -> Response | None:
        """An answer given without asking the API, when a fault says so."""
        faults = self.sandbox.faults
        if (limited := faults.strike("rate_limited", *where)) is not None:
            response = system.rate_limited(429, limited["policy"])
            if limited["retry_after"] is not None:
                response.headers["Retry-After"] = str(limited["retry_after"])
            return response
        if (failing := faults.strike("http_error", *where)) is not None:
            return _http_error(system, failing)
        if faults.strike("error_body_with_200", *where) is not None:
            response = system.error(500, None)
            response.status_code = 200
            return response
        return None

    def _spoiler(self, where: tuple[str, str, str], scope: Scope) -> Callable[[bytes], Any] | None:
        """What is done to the body of a good answer."""
        faults = self.sandbox.faults
        if (bad := faults.strike("malformed_page", *where)) is not None:
            how = bad["how"]
            return lambda body: {"html": _HTML, "empty": b""}.get(how, body[: max(1, len(body) // 2)])
        if (drop := faults.strike("connection_dropped", *where)) is not None:
            after = drop["after_bytes"]
            return lambda body: (body, len(body) // 2 if after is None else int(after))
        accepts = next((value for key, value in scope["headers"] if key == b"accept-encoding"), b"")
        if b"gzip" in accepts and faults.lasting("gzip", where[0]) and faults.strike("gzip", *where) is not None:
            return lambda body: {"gzip": gzip.compress(body, 1, mtime=0)}
        return None

    async def _spoilt(self, scope: Scope, receive: Receive, send: Send, spoil: Callable[[bytes], Any]) -> None:
        started: Message = {}
        pieces: list[bytes] = []

        async def collect(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = message
            elif message["type"] == "http.response.body":
                pieces.append(message.get("body", b""))

        await self.app(scope, receive, collect)
        made = spoil(b"".join(pieces))
        headers = [(key, value) for key, value in started["headers"] if key != b"content-length"]
        promised, sent, more = made, made, False
        if isinstance(made, tuple):
            promised, sent, more = made[0], made[0][: made[1]], True
        elif isinstance(made, dict):
            promised = sent = made["gzip"]
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(promised)).encode()))
        await send({**started, "headers": headers})
        # Left unfinished, the server closes the connection with less sent than promised.
        await send({"type": "http.response.body", "body": sent, "more_body": more})


def _http_error(system: System, options: dict[str, Any]) -> Response:
    """The vendor's envelope for a status, or whatever body the test wants, HTML and nothing included."""
    status, body = int(options["status"]), options["body"]
    headers = {str(key): str(value) for key, value in options["headers"].items()}
    if body is None:
        response = system.error(status, None)
        response.headers.update(headers)
        return response
    if isinstance(body, str):
        kind = options["content_type"] or ("text/html" if body.lstrip().startswith("<") else "text/plain")
        return Response(body, status, headers, kind)
    return Response(json.dumps(body), status, headers, options["content_type"] or "application/json")
