"""Real clients: requests as published libraries sent them, and the Python libraries against a running service.

The recordings are one JSON a line: method, path, headers and decoded body of a request, with made-up users.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from log.base import DEAD_LETTERS
from tests.collect.helpers import KEY, Service, service

pytestmark = pytest.mark.timeout(120)
RECORDINGS = sorted((Path(__file__).parent / "captured").glob("*.jsonl"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "collect") as running:
        yield running


def replay(url: str, request: dict[str, Any]) -> requests.Response:
    body = request["body"].encode()
    headers = {name.title(): value for name, value in request["headers"].items()}
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(body)
    for name in ("Host", "Content-Length", "Connection"):
        headers.pop(name, None)
    return requests.request(request["method"], url + request["path"], data=body, headers=headers, timeout=30)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_requests_arrive_once_each(served: Service, recording: Path) -> None:
    recorded = [json.loads(line) for line in recording.read_text().splitlines()]
    sent: list[dict[str, Any]] = []
    for request in recorded:
        answer = replay(served.url, request)
        assert answer.status_code == 200
        if request["method"] == "POST":
            assert answer.text == '{"success":true}'
            content = json.loads(request["body"])
            sent += content.get("batch", [content])
            # Every one of these libraries sends the whole request again when it is in doubt.
            assert replay(served.url, request).status_code == 200
    events = served.records()
    assert [event["message_id"] for event in events] == [call["messageId"] for call in sent]
    assert [event["type"] for event in events] == [call["type"] for call in sent]
    assert len(sent) >= 5
    assert served.records(DEAD_LETTERS) == []
    for event, call in zip(events, sent, strict=True):
        assert event["user_id"] == (call.get("userId") or None)
        assert event["anonymous_id"] == (call.get("anonymousId") or None)
        assert event["payload"].items() >= {key: value for key, value in call.items() if key != "writeKey"}.items()
        assert event["original_timestamp"][:19] == call["timestamp"][:19]


def calls_of(client: Any) -> None:
    """What both libraries have, each kind of call."""
    client.identify("u1", traits={"email": "ada@example.com"})
    client.track("u1", "Order Completed", {"total": 12.5, "at": datetime(2026, 1, 2, tzinfo=UTC)})
    client.page("u1", "Docs", "Home", {"url": "https://shop.example/"})
    client.screen("u1", "App", "Start")
    client.group("u1", "g1", {"plan": "pro"})
    client.alias("anonymous-1", "u1")
    for number in range(250):
        client.track("u1", "Bulk", {"number": number})
    client.flush()
    client.join()


def fixed_port() -> int:
    """A free port that no outgoing connection is given, so that a client which calls in vain never takes it."""
    for port in range(18_000 + random.randrange(5_000), 30_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


def fail(error: Exception, *_: Any) -> None:
    raise AssertionError(error)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_a_python_library_sends_everything_once(served: Service, library: str, packed: bool) -> None:
    if library == "segment":
        client: Any = SegmentClient(KEY, host=served.url, gzip=packed, on_error=fail)
    else:
        client = RudderClient(KEY, host=served.url, gzip=packed, on_error=fail)
    calls_of(client)
    events = served.records()
    kinds = [event["type"] for event in events]
    assert kinds[:6] == ["identify", "track", "page", "screen", "group", "alias"]
    assert [event["payload"]["properties"]["number"] for event in events[6:]] == list(range(250))
    assert len({event["message_id"] for event in events}) == 256
    assert events[0]["payload"]["traits"] == {"email": "ada@example.com"}
    assert events[5]["payload"]["previousId"] == "anonymous-1"
    assert served.records(DEAD_LETTERS) == []


@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_a_python_library_comes_again_after_a_restart(tmp_path: Path, library: str) -> None:
    folder, port = tmp_path / "collect", fixed_port()
    with service(folder, port=port) as first:
        assert first.stop() == 0
    make = SegmentClient if library == "segment" else RudderClient
    client: Any = make(KEY, host=first.url, on_error=fail, max_retries=6)
    client.track("u1", "While it was away")
    with service(folder, port=port) as second:
        client.flush()
        client.join()
        assert [event["payload"]["event"] for event in second.records()] == ["While it was away"]


@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_a_python_library_is_told_that_its_key_is_wrong(served: Service, library: str) -> None:
    errors: list[str] = []
    make = SegmentClient if library == "segment" else RudderClient
    client: Any = make("nobody", host=served.url, on_error=lambda error, _: errors.append(str(error)))
    client.track("u1", "Never")
    client.flush()
    client.join()
    (error,) = errors
    assert "write_key_unknown" in error
    assert served.metric('braid_collect_requests_total{status="401"}') == 1
