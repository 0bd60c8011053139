"""Bounds on the head of a request, which the server below us has none of."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from collect.answers import ACCEPTED_BODY, ACCEPTED_START
from collect.protocol import HEAD_BYTES, BoundedProtocol

pytestmark = pytest.mark.timeout(60)
HELLO = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


async def application(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPTED_START)
    await send(ACCEPTED_BODY)


class Impatient(BoundedProtocol):
    head_seconds = 0.5


@pytest.fixture
def port() -> Iterator[int]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(application, http=Impatient, lifespan="off", log_config=None, timeout_keep_alive=20)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(20)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ended(client: socket.socket) -> bool:
    """Whether the server ended the connection, within the socket's time limit."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_a_usual_request_is_answered_however_it_is_cut(port: int) -> None:
    with connected(port) as client:
        for cut in (1, 20, 30, len(HELLO) - 1, len(HELLO)):
            client.sendall(HELLO[:cut])
            time.sleep(0.02)
            client.sendall(HELLO[cut:])
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        # Longer than a head may take, between two requests.
        time.sleep(0.8)
        client.sendall(HELLO)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_two_requests_at_once_are_both_answered(port: int) -> None:
    with connected(port) as client:
        client.sendall(HELLO * 2)
        data = b""
        while data.count(b"HTTP/1.1 200") < 2:
            data += client.recv(65536)


@pytest.mark.parametrize("start", [b"POST / HTTP/1.1\r\nx: ", b"POST /"], ids=["header", "url"])
def test_an_endless_head_is_refused(port: int, start: bytes) -> None:
    with connected(port) as client:
        sent = 0
        try:
            client.sendall(start)
            while sent < 50 * HEAD_BYTES:
                client.sendall(b"a" * 65536)
                sent += 65536
        except ConnectionError:
            pass
        # What fits into the buffers between us may have been sent, but not all of it.
        assert sent < 50 * HEAD_BYTES


@pytest.mark.parametrize(
    "first", [b"", b"POST / HTTP/1.1\r\n", HELLO + b"POST / HT"], ids=["nothing", "part", "second"]
)
def test_a_head_that_does_not_come_ends_the_connection(port: int, first: bytes) -> None:
    with connected(port) as client:
        client.sendall(first)
        began = time.monotonic()
        assert ended(client)
        assert 0.3 < time.monotonic() - began < 5


CHUNKED = b"GET /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("start", [b"0\r\n", b"2\r\n{}\r\n0\r\n"], ids=["no body", "a body"])
@pytest.mark.parametrize("line", [b"a: b\r\n", b"a"], ids=["many", "one"])
def test_endless_trailers_are_refused(port: int, start: bytes, line: bytes) -> None:
    with connected(port) as client:
        client.sendall(CHUNKED + start)
        sent = 0
        try:
            while sent < 50 * HEAD_BYTES:
                client.sendall(line * (65536 // len(line)))
                sent += 65536
        except ConnectionError:
            pass
        assert sent < 50 * HEAD_BYTES


@pytest.mark.parametrize("part", [b"0\r\n", b"2\r\n{}\r\n0\r\na: b"], ids=["no trailer", "half a trailer"])
def test_trailers_that_do_not_end_end_the_connection(port: int, part: bytes) -> None:
    with connected(port) as client:
        client.sendall(CHUNKED + part)
        began = time.monotonic()
        assert ended(client)
        assert 0.3 < time.monotonic() - began < 5


def test_a_body_in_chunks_may_be_slow_and_have_trailers(port: int) -> None:
    with connected(port) as client:
        for _ in range(2):
            client.sendall(CHUNKED + b"2\r\n{")
            # Longer than a head may take.
            time.sleep(0.8)
            client.sendall(b"}\r\n1\r\n \r\n0\r\nx-sum: 5\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_many_headers_are_a_head_too(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\n")
        try:
            for _ in range(100):
                client.sendall(b"a: b\r\n" * 2000)
        except ConnectionError:
            return
        with contextlib.suppress(ConnectionError):
            assert client.recv(100).startswith(b"HTTP/1.1 431")
