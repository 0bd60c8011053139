"""Anything may be sent: the answer is a clear 4xx or a record of the log, never a 5xx, and memory stays flat."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from log.base import DEAD_LETTERS
from tests.collect.helpers import login, service

pytestmark = pytest.mark.timeout(1800)
_LIMIT = 20
HOSTILE = [
    *("__proto__", "constructor", "a.b", "a\0b", "'; drop table events;--", '"', "`x`", "{{ var('x') }}", "\u202e"),
    *("\ud83d\ude00", "x" * 300, "", " ", "$ref", "SELECT", "\uff53elect", "\n", "%s%n", "${jndi:ldap://x}"),
]


class Fuzz:
    """Requests from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def value(self, depth: int = 0) -> Any:
        kind = self.random.randrange(9 if depth < 4 else 6)
        match kind:
            case 0:
                return self.random.choice([None, True, False])
            case 1:
                return self.random.choice([0, -1, 2**63, 2**64, 10**400, 1e308, -0.0])
            case 2 | 3:
                return self.random.choice(HOSTILE)
            case 4:
                return "".join(chr(self.random.randrange(0xD7FF)) for _ in range(self.random.randrange(20)))
            case 5:
                return self.random.choice(["track", "u1", "2026-11-20T10:00:00Z", "9999-99-99", "-1"])
            case 6:
                return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
            case _:
                return {self.random.choice(HOSTILE): self.value(depth + 1) for _ in range(self.random.randrange(4))}

    def call(self) -> dict[str, Any]:
        self.number += 1
        call: dict[str, Any] = {
            "type": "track",
            "event": "Fuzzed",
            "userId": "u1",
            "messageId": f"fuzz-{self.number}",
            "properties": {self.random.choice(HOSTILE): self.value()},
        }
        for name in self.random.sample(sorted(call), self.random.randrange(3)):
            call[name] = self.value()
        for name in ("traits", "context", "timestamp", "sentAt", "anonymousId", "integrations", "writeKey"):
            if self.random.random() < 0.1:
                call[name] = self.value()
        return call

    def body(self) -> bytes:
        match self.random.randrange(12):
            case 0:
                return self.random.randbytes(self.random.randrange(200))
            case 1:
                return json.dumps(self.value()).encode()
            case 2:
                deep = self.random.choice([100, 300, 2000, 100_000])
                return b'{"batch":[{"a":' + b"[" * deep + b"]" * deep + b"}]}"
            case 3:
                whole = bytearray(json.dumps(self.call()).encode())
                for _ in range(self.random.randrange(1, 4)):
                    whole[self.random.randrange(len(whole))] = self.random.randrange(256)
                return bytes(whole)
            case 4:
                whole = json.dumps(self.call(), ensure_ascii=False).encode("utf-8", "surrogatepass")
                return whole[: self.random.randrange(len(whole))]
            case 5 | 6 | 7:
                calls = [self.call() if self.random.random() < 0.8 else self.value() for _ in range(5)]
                return json.dumps({"batch": calls, "sentAt": self.value()}).encode()
            case _:
                return json.dumps(self.call()).encode()

    def request(self) -> bytes:
        """A whole request; its body may not be what its headers say."""
        if self.random.random() < 0.02:
            return self.random.randbytes(self.random.randrange(1, 300)) + b"\r\n\r\n"
        kind = self.random.randrange(400)
        body = b'{"batch":[' + b" " * 10_000_000 + b"]}" if kind == 0 else self.body()
        headers = [("Host", "127.0.0.1"), self.random.choice([*[login()] * 12, login("nobody"), ("X", "y")])]
        if self.random.random() < 0.1:
            headers.append(("Authorization", self.random.choice(["Basic", "Basic ====", "Bearer x", "\x80\xff", ""])))
        if self.random.random() < 0.15:
            packed = self.random.random() < 0.7
            body = gzip.compress(body if kind else bytes(50_000_000), 1) if packed else body
            headers.append(("Content-Encoding", self.random.choice(["gzip", "gzip", "deflate", "br", "identity"])))
        path = self.random.choice(
            ["/v1/t", "/v1/track", "/v1/batch", "/v1/b", "/v1/identify", "/v1/a", "/v1/g", "/v1/x"]
        )
        path += self.random.choice(["", "", "", "?writeKey=WK", "?writeKey=%00%ff", "?" + "a" * 500])
        method = self.random.choice(["POST"] * 12 + ["GET", "PUT", "OPTIONS", "DELETE"])
        if self.random.random() < 0.1:
            chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
            headers.append(("Transfer-Encoding", "chunked"))
            body = chunks
        else:
            headers.append(("Content-Length", str(len(body))))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        return head.encode("latin-1") + b"\r\n" + body


class Connection:
    """Sends bytes and reads an answer; opens anew where the server ended the connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=_LIMIT)
        try:
            # A server that refuses a body early may reset the connection before all of it is sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.socket.sendall(request)
            return self._answer()
        except ConnectionError:
            self._close()
            return 0, b""

    def _answer(self) -> tuple[int, bytes]:
        assert self.socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            if not part:
                self._close()
                return 0, b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        length = int(headers.get(b"content-length", b"0"))
        while len(body) < length and (part := self.socket.recv(65536)):
            body += part
        if headers.get(b"connection") == b"close" or b"content-length" not in headers:
            self._close()
        return int(head.split()[1]), body

    def _close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None


def own_memory(process: psutil.Process) -> int:
    """Bytes of memory, without the pages of files: the window of message ids fills up to its size, and no further."""
    found = process.memory_info()
    return int(found.rss - found.shared)


def fuzz(folder: Path, requests: int, seed: int, note: Callable[[str], None] = print) -> None:
    with service(folder) as running:
        process, connection, source = psutil.Process(running.process.pid), Connection(running.url), Fuzz(seed)
        statuses: Counter[int] = Counter()
        warm = 0
        for number, request in zip(range(requests), _requests(source), strict=False):
            status, body = connection.ask(request)
            statuses[status] += 1
            assert status < 500, f"request {number} of seed {seed} was answered {status}: {request[:300]!r}"
            if status >= 400 and body.startswith(b"{"):
                assert json.loads(body)["code"]
            if number == requests // 4:
                warm = own_memory(process)
        grown = own_memory(process) - warm
        note(f"{statuses} {grown / 2**20:.1f} MB")
        # A connection that ends without an answer is the fate of what is no HTTP at all, and of bodies far too large.
        assert statuses[0] < requests * 0.02
        assert statuses[200] > requests * 0.2
        assert {400, 401, 404, 405, 413, 415} <= statuses.keys()
        assert grown < 8 * 2**20
        assert running.metric('braid_collect_requests_total{status="500"}') == 0
        assert running.metric("braid_collect_commit_failures_total") == 0
        letters, events = running.records(DEAD_LETTERS), running.records()
        assert len(letters) == running.metric("braid_collect_events_dead_total") > 0
        assert len(events) == running.metric("braid_collect_events_accepted_total") > 0
        assert all(letter["rule"] and letter["message_id"] for letter in letters)
        assert running.stop() == 0


def _requests(source: Fuzz) -> Iterator[bytes]:
    while True:
        yield source.request()


def test_two_thousand_fuzzed_requests(tmp_path: Path) -> None:
    fuzz(tmp_path, 2000, 1)


@pytest.mark.torture
def test_a_hundred_thousand_fuzzed_requests(tmp_path: Path) -> None:
    fuzz(tmp_path, 100_000, 2)
