"""What is answered: bodies that every SDK understands, and the headers that browsers ask for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from collect.body import Refused

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Scope = MutableMapping[str, Any]

# Any page may send: a write key is public, and there are no cookies. Retry-After is hidden from scripts unless exposed.
_CORS = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After")]
_PREFLIGHT = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Content-Encoding, AnonymousId, SentAt, X-Write-Key, X-Retry-Count",
    ),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
_JSON = (b"content-type", b"application/json")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")

# Exactly this body with exactly 200: RudderStack's SDKs take no other 2xx for a success.
_DONE = b'{"success":true}'
ACCEPTED_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [*_CORS, _JSON, (b"content-length", b"%d" % len(_DONE))],
}
ACCEPTED_BODY: Message = {"type": "http.response.body", "body": _DONE}


async def preflight(send: Send) -> None:
    """Allow what the browser asks for, for a day."""
    await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
    await send({"type": "http.response.body", "body": b""})


async def document(send: Send, content: Any, *, status: int = 200) -> None:
    """JSON, or text when it is one."""
    text = isinstance(content, str)
    body = content.encode() if text else orjson.dumps(content)
    kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8") if text else _JSON
    headers = [*_CORS, kind, (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: Refused, *, close: bool) -> None:
    """The error as RudderStack's SDKs read it (code and message), after which the connection may end."""
    body = orjson.dumps({"success": False, "code": error.code, "message": error.message})
    headers = [*_CORS, _JSON, (b"content-length", b"%d" % len(body))]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if error.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="write key"'))
    if close:
        # The rest of a body that is not read would be taken for the next request.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def origin(scope: Scope, public_url: str | None) -> tuple[str, str]:
    """Scheme and host under which browsers reach this server: as configured, else as the request says."""
    if public_url:
        parts = urlsplit(public_url)
        return parts.scheme, parts.netloc + parts.path.rstrip("/")
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return str(scope["scheme"]), host if _HOST.fullmatch(host) else "localhost"


def segment_settings(key: str, scheme: str, host: str) -> dict[str, Any]:
    """What analytics.js fetches before it sends anything."""
    connection = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": scheme, "addBundledMetadata": True}
    return {"integrations": {"Segment.io": connection}, "plan": {}, "metrics": {"sampleRate": 0}}


def rudder_config(key: str, source: str) -> dict[str, Any]:
    """What RudderStack's browser SDK fetches before it sends anything."""
    quiet = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    config = {"statsCollection": quiet}
    described = {"id": source, "name": source, "writeKey": key, "enabled": True, "workspaceId": "braid"}
    more = {"config": config, "destinations": [], "dataplanes": {}}
    return {"source": described | more, "updatedAt": "2026-01-01T00:00:00.000Z"}
