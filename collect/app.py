"""The ASGI application: a request in, a durable record of the log, an answer out.

Plain ASGI without a framework: there are a dozen fixed paths, and a router and request objects cost more than the rest.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from collect import answers
from collect.answers import Receive, Scope, Send
from collect.body import Refused, parsed, too_large, unpacked
from collect.events import Intake, Records, Stamps, digest, message_id, share, shared
from collect.limits import Keys, Source
from collect.metrics import Metrics
from collect.refusals import Refusals
from collect.window import Window
from log import LogError
from log.group import PENDING_BYTES, GroupCommit, LogFull

logger = logging.getLogger(__name__)
BODY_BYTES = 500 * 1024
BATCH_EVENTS = 2500
# What a request may become, in bodies of the largest size: ids and times of 2,500 events are two of them by themselves.
_RECORDS_A_BODY = 16
_RETRY_SECONDS = 2
_BODY_SECONDS = 30.0
# A Basic header with the longest key there may be, and how many are remembered.
_LOGIN_BYTES, _LOGINS = 512, 10_000
# Bodies that are still arriving, all together: more than that is answered with 503 and comes again.
_ARRIVING_BYTES = 128 * 1024 * 1024

_KINDS = {
    **dict.fromkeys(("identify", "i"), "identify"),
    **dict.fromkeys(("track", "t"), "track"),
    **dict.fromkeys(("page", "p"), "page"),
    **dict.fromkeys(("screen", "s"), "screen"),
    **dict.fromkeys(("group", "g"), "group"),
    **dict.fromkeys(("alias", "a"), "alias"),
}
_POSTS: dict[str, str | None] = {f"/v1/{name}": kind for name, kind in _KINDS.items()}
_POSTS |= dict.fromkeys(("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"))
_SETTINGS_START, _SETTINGS_END = "/v1/projects/", "/settings"
# Made anew for each raise: an exception that is raised twice keeps the frames of both, and with them what was sent.
_NO_KEY = partial(
    Refused, 401, "write_key_missing", "No write key is given: as Basic user, writeKey in the body, or X-Write-Key."
)
_BAD_KEY = partial(Refused, 401, "write_key_unknown", "The write key is unknown or revoked.")
_STALLED = partial(Refused, 408, "body_incomplete", "The body did not arrive in time.")
_SATURATED = partial(Refused, 503, "busy", "More is arriving than this server can hold.", retry_after=_RETRY_SECONDS)


class Collector:
    """The application. ``commit`` is set once its event loop runs, and everything but health answers 503 before."""

    def __init__(
        self,
        keys: Keys,
        intake: Intake,
        window: Window,
        metrics: Metrics,
        *,
        body_bytes: int = BODY_BYTES,
        public_url: str | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Wire the parts; nothing is opened here."""
        self.keys, self.intake, self.window, self.metrics = keys, intake, window, metrics
        self.commit: GroupCommit | None = None
        self.damage: tuple[str, ...] = ()
        self.refusals = Refusals()
        self._body_bytes, self._public_url, self._stopping = body_bytes, public_url, stopping
        # What a batch says for all of its events is in the record of each.
        self._record_bytes = min(_RECORDS_A_BODY * body_bytes, PENDING_BYTES)
        self._flying: dict[bytes, asyncio.Future[None]] = {}
        self._logins: dict[bytes, str] = {}
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        path, method = scope["path"], scope["method"]
        status = 200
        # Whether the whole body was read; an answer before that has to end the connection.
        progress = [False]
        try:
            if method == "POST" and path in _POSTS:
                await self._collect(scope, receive, _POSTS[path], progress)
                await send(answers.ACCEPTED_START)
                await send(answers.ACCEPTED_BODY)
            else:
                status = await self._other(scope, path, method, send)
        except Refused as error:
            status = error.status
            await answers.refuse(send, error, close=not progress[0])
        except Exception as error:
            # Not the message: it may hold what was sent.
            logger.error("a request failed: %s", type(error).__name__, exc_info=logger.isEnabledFor(logging.DEBUG))
            status = 500
            failure = Refused(500, "internal", "The server failed on this request.", retry_after=_RETRY_SECONDS)
            await answers.refuse(send, failure, close=True)
        self.metrics.answered(status, time.perf_counter() - began)

    async def _collect(self, scope: Scope, receive: Receive, kind: str | None, progress: list[bool]) -> None:
        """Everything between a request and its 200; Refused says why there is none."""
        commit = self.commit
        if commit is None or commit.failed is not None:
            raise Refused(503, "not_ready", "The log is not ready.", retry_after=_RETRY_SECONDS)
        key: str | None = None
        encoding, declared = b"", 0
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = self._login(value)
            elif name == b"content-encoding":
                encoding = value
            elif name == b"content-length":
                declared = int(value) if value.isdigit() else 0
            elif name == b"x-write-key" and key is None:
                key = value.decode("latin-1")
        if key is None and scope["query_string"]:
            key = parse_qs(scope["query_string"].decode("latin-1")).get("writeKey", [None])[0]
        source = self._source(key) if key else None
        if declared > self._body_bytes:
            raise too_large(self._body_bytes)
        body = await self._body(receive)
        progress[0] = True
        self.metrics.count("body_bytes", len(body))
        if len(body) > self._body_bytes:
            raise too_large(self._body_bytes)
        if encoding:
            body = unpacked(body, encoding, self._body_bytes)
        content = parsed(body)
        if source is None:
            given = content.get("writeKey")
            source = self._source(given if isinstance(given, str) else None)
        calls = [content]
        if kind is None:
            given = content.get("batch")
            if not isinstance(given, list):
                raise Refused(400, "batch_missing", "A batch needs the list `batch`.")
            if len(given) > BATCH_EVENTS:
                raise Refused(413, "batch_too_long", f"A batch has at most {BATCH_EVENTS:,} events.")
            calls = given
        if wait := source.take(len(calls)):
            raise Refused(429, "rate_limited", "This write key sends faster than it may.", retry_after=wait)
        stamps = Stamps.of(source.name, datetime.now(UTC).replace(tzinfo=None), content.get("sentAt"))
        common = shared(content) if kind is None else []
        await self._keep(commit, calls, kind, stamps, common)

    async def _keep(
        self, commit: GroupCommit, calls: list[Any], kind: str | None, stamps: Stamps, common: list[Any]
    ) -> None:
        """Make durable what is new among the calls, and wait for what another request is making durable."""
        records, new, waits = Records(), dict[bytes, None](), set[asyncio.Future[None]]()
        flying, window, duplicates = self._flying, self.window, 0
        for call in calls:
            message, broken = message_id(call)
            mark = digest(stamps.source, message)
            if mark in new or mark in window:
                duplicates += 1
            elif (other := flying.get(mark)) is not None:
                duplicates += 1
                waits.add(other)
            else:
                share(common, call)
                self.intake.take(call, kind, message, broken, stamps, records)
                new[mark] = None
                if records.size > self._record_bytes:
                    raise Refused(
                        413,
                        "too_large",
                        f"The events of a request become {self._record_bytes:,} bytes at most, each with what the "
                        "batch says for all: send smaller batches.",
                    )
        try:
            if new:
                done = commit.add(records.events, records.dead, records.size)
                flying.update(dict.fromkeys(new, done))
                try:
                    await done
                    window.add(new)
                finally:
                    for mark in new:
                        del flying[mark]
            for other in waits:
                await other
        except LogFull as error:
            raise Refused(503, "busy", str(error), retry_after=_RETRY_SECONDS) from None
        except LogError:
            self.metrics.count("commit_failures")
            raise Refused(503, "log_failed", "The log cannot be written now.", retry_after=_RETRY_SECONDS) from None
        count = self.metrics.count
        count("events_accepted", len(records.events))
        if new:
            self.refusals.count(stamps.source, len(new), len(records.dead))
        if duplicates or records.dead or records.violations:
            count("events_duplicate", duplicates)
            count("events_dead", len(records.dead))
            count("events_violations", records.violations)
            count("validation_failures", records.failures)

    async def _body(self, receive: Receive) -> bytes:
        """The body, in as many parts as it comes, no more of it than the limit and no later than it may be."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _STALLED()
                    part: bytes = message.get("body", b"")
                    if not parts and not message.get("more_body"):
                        # Nearly all.
                        return part
                    parts.append(part)
                    size += len(part)
                    self._arriving += len(part)
                    if size > self._body_bytes:
                        raise too_large(self._body_bytes)
                    if self._arriving > _ARRIVING_BYTES:
                        raise _SATURATED()
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise _STALLED() from None
        finally:
            self._arriving -= size

    def _source(self, key: str | None) -> Source:
        if not key:
            raise _NO_KEY()
        found = self.keys.find(key)
        if found is None:
            raise _BAD_KEY()
        return found

    def _login(self, header: bytes) -> str | None:
        """The user of a Basic header, which is the write key; None when it is another kind of header."""
        try:
            return self._logins[header]
        except KeyError:
            pass
        if header[:6].lower() != b"basic ":
            return None
        if len(header) > _LOGIN_BYTES:
            raise _BAD_KEY()
        try:
            found = base64.b64decode(header[6:], validate=True).decode("latin-1").partition(":")[0] or None
        except (binascii.Error, ValueError):
            raise _BAD_KEY() from None
        # Only of keys that there are: what anybody may send must not stay here.
        if found is not None and self.keys.find(found) is not None:
            if len(self._logins) >= _LOGINS:
                self._logins.clear()
            self._logins[header] = found
        return found

    async def _other(self, scope: Scope, path: str, method: str, send: Send) -> int:
        """Everything that collects nothing."""
        if method == "OPTIONS":
            await answers.preflight(send)
            return 204
        if path in ("/v1/m",) and method == "POST":
            # The browser SDK's own metrics, which nobody here asked for.
            await answers.document(send, {"success": True})
            return 200
        if method not in ("GET", "HEAD"):
            raise Refused(
                405 if path in _POSTS or path in ("/health", "/ready", "/metrics") else 404,
                "no_such_call",
                "There is no such call here.",
            )
        if path == "/health":
            await answers.document(send, {"status": "ok"})
        elif path == "/ready":
            return await self._ready(send)
        elif path == "/metrics":
            await answers.document(send, self.metrics.text(self._gauges()))
        elif path.startswith(_SETTINGS_START) and path.endswith(_SETTINGS_END):
            key = path[len(_SETTINGS_START) : -len(_SETTINGS_END)]
            self._source(key)
            await answers.document(send, answers.segment_settings(key, *answers.origin(scope, self._public_url)))
        elif path.rstrip("/") == "/sourceConfig":
            key = parse_qs(scope["query_string"].decode("latin-1")).get("writeKey", [""])[0]
            for name, value in scope["headers"]:
                if name == b"authorization" and not key:
                    key = self._login(value) or ""
            await answers.document(send, answers.rudder_config(key, self._source(key).name))
        elif path in _POSTS:
            raise Refused(405, "no_such_call", "Events are sent with POST.")
        else:
            raise Refused(404, "no_such_call", "There is no such call here.")
        return 200

    async def _ready(self, send: Send) -> int:
        reasons = []
        if self.commit is None:
            reasons.append("the log is not open")
        elif self.commit.failed is not None:
            reasons.append("the log cannot be made durable; restart")
        if self._stopping():
            reasons.append("stopping")
        content = {"ready": not reasons, "reasons": reasons, "damage": list(self.damage)}
        # Never a reason: a server that is taken out of service for it would lose what it now keeps.
        content["refused"] = list(self.refusals.sources())
        await answers.document(send, content, status=503 if reasons else 200)
        return 503 if reasons else 200

    def _gauges(self) -> list[tuple[str, str, float]]:
        return [
            ("write_keys", "Write keys that may write.", self.keys.count()),
            (
                "sources_refused",
                "Sources of which this worker sends half to the dead letters.",
                len(self.refusals.sources()),
            ),
            ("log_damaged", "Damaged places that this worker found in the log when it opened.", len(self.damage)),
        ]
