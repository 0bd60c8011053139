"""The ASGI application: a request in, a durable record of the log, an answer out.

Plain ASGI without a framework: there are a dozen fixed paths, and a router and request objects cost more than the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from collect import answers
from collect.answers import Receive, Scope, Send
from collect.arriving import RETRY_SECONDS, Arriving
from collect.body import Refused, parsed, too_large, unpacked
from collect.calls import shared
from collect.events import Intake, Stamps
from collect.keeping import Keeping
from collect.limits import Keys
from collect.metrics import Metrics
from collect.refusals import Refusals
from collect.senders import Senders, asked_key
from collect.window import Window
from log.group import GroupCommit

logger = logging.getLogger(__name__)
BODY_BYTES = 500 * 1024
BATCH_EVENTS = 2500

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
        self.keys, self.window, self.metrics = keys, window, metrics
        self.commit: GroupCommit | None = None
        self.damage: tuple[str, ...] = ()
        self.senders = Senders(keys)
        self._arriving, self.refusals = Arriving(body_bytes), Refusals()
        self._keeping = Keeping(intake, window, metrics, self.refusals, body_bytes)
        self._body_bytes, self._public_url, self._stopping = body_bytes, public_url, stopping

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
            failure = Refused(500, "internal", "The server failed on this request.", retry_after=RETRY_SECONDS)
            await answers.refuse(send, failure, close=True)
        self.metrics.answered(status, time.perf_counter() - began)

    async def _collect(self, scope: Scope, receive: Receive, kind: str | None, progress: list[bool]) -> None:
        """Everything between a request and its 200; Refused says why there is none."""
        commit = self.commit
        if commit is None or commit.failed is not None:
            raise Refused(503, "not_ready", "The log is not ready.", retry_after=RETRY_SECONDS)
        key: str | None = None
        encoding, declared = b"", 0
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = self.senders.login(value)
            elif name == b"content-encoding":
                encoding = value
            elif name == b"content-length":
                declared = int(value) if value.isdigit() else 0
            elif name == b"x-write-key" and key is None:
                key = value.decode("latin-1")
        if key is None:
            key = asked_key(scope)
        source = self.senders.source(key) if key else None
        if declared > self._body_bytes:
            raise too_large(self._body_bytes)
        body = await self._arriving.body(receive)
        progress[0] = True
        self.metrics.count("body_bytes", len(body))
        if len(body) > self._body_bytes:
            raise too_large(self._body_bytes)
        if encoding:
            body = unpacked(body, encoding, self._body_bytes)
        content = parsed(body)
        if source is None:
            given = content.get("writeKey")
            source = self.senders.source(given if isinstance(given, str) else None)
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
        await self._keeping.keep(commit, calls, kind, stamps, common)

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
            self.senders.source(key)
            await answers.document(send, answers.segment_settings(key, *answers.origin(scope, self._public_url)))
        elif path.rstrip("/") == "/sourceConfig":
            key = asked_key(scope) or ""
            for name, value in scope["headers"]:
                if name == b"authorization" and not key:
                    key = self.senders.login(value) or ""
            await answers.document(send, answers.rudder_config(key, self.senders.source(key).name))
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
