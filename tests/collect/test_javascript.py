"""Segment's and RudderStack's JavaScript: the published packages in Node and in headless Chromium, every call once.

The packages are those of ``js/package-lock.json``, installed by npm for the run. Pages come from another port than the
collector, so a browser asks for permission first, as it does in a shop.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from log.base import DEAD_LETTERS
from tests import needs
from tests.collect.helpers import KEY, Service, service

pytestmark = pytest.mark.timeout(240)
HERE = Path(__file__).parent / "js"
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking".split()
_LIMIT = 30.0
# An outage of the registry is no fault of ours; anything else npm says is.
OUT_OF_REACH = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|\bE5\d\d\b")
# The packages ask for it.
OLDEST_NODE = 20


def node() -> Path:
    """Node, new enough for the packages; the test ends without it."""
    found = needs.tool("node")
    said = subprocess.run([str(found), "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    if not new_enough(said):
        needs.missing(f"node is {said.strip()}; the packages need v{OLDEST_NODE} or newer")
    return found


def new_enough(version: str) -> bool:
    """Whether it is, by what ``node --version`` says."""
    major = re.match(r"v(\d+)\.", version)
    return major is not None and int(major[1]) >= OLDEST_NODE


def install(folder: Path, npm: Path, seconds: float = 180.0) -> None:
    """Put the packages into a folder; the test ends as without a tool when the registry cannot be reached."""
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        needs.missing(f"npm's registry did not give its packages within {seconds:.0f} s")
    if ran.returncode and OUT_OF_REACH.search(ran.stderr):
        needs.missing("npm's registry is out of reach; its packages are the only ones that no lock of ours has")
    assert ran.returncode == 0, f"npm cannot install the packages: {ran.stderr.strip()[-300:]}"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pages and scripts, with the packages in it."""
    node()
    npm = needs.tool("npm")
    folder = tmp_path_factory.mktemp("js")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    install(folder, npm)
    return folder


@pytest.mark.parametrize(
    ("script", "outcome", "in_ci"),
    [
        ("echo npm error code E503 >&2; exit 1", pytest.skip.Exception, pytest.fail.Exception),
        ("echo npm error code ECONNRESET >&2; exit 1", pytest.skip.Exception, pytest.fail.Exception),
        ("exec sleep 20", pytest.skip.Exception, pytest.fail.Exception),
        ("echo npm error code E404 >&2; exit 1", AssertionError, AssertionError),
        ("echo npm error code EINTEGRITY >&2; exit 1", AssertionError, AssertionError),
    ],
)
def test_only_an_outage_of_the_registry_is_no_fault(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    outcome: type[BaseException],
    in_ci: type[BaseException],
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o700)
    monkeypatch.setenv("CI", "false")
    with pytest.raises(outcome):
        install(tmp_path, npm, seconds=1.0)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(in_ci):
        install(tmp_path, npm, seconds=1.0)


@pytest.mark.parametrize(
    ("version", "fine"), [("v18.19.0\n", False), ("v20.0.0\n", True), ("v9.1.0", False), ("", False)]
)
def test_node_has_to_be_new_enough(version: str, fine: bool) -> None:
    assert new_enough(version) is fine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "collect") as running:
        yield running


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(packages: Path) -> Iterator[str]:
    """A web server with the pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(packages)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def all_arrived(running: Service, calls: int) -> list[dict[str, Any]]:
    """The events, once there are so many of them and a moment has brought no more."""
    deadline = time.monotonic() + _LIMIT
    while len(running.records()) < calls and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    events = running.records()
    assert running.records(DEAD_LETTERS) == []
    assert len(events) == calls
    assert len({event["message_id"] for event in events}) == calls
    return events


def check(events: list[dict[str, Any]], kinds: set[str], bulk: int) -> None:
    by_kind = {event["type"]: event for event in events if event["payload"].get("event") != "Bulk"}
    assert by_kind.keys() == kinds
    assert by_kind["identify"]["payload"]["traits"]["email"] == "ada@example.com"
    assert by_kind["track"]["payload"]["properties"]["total"] == 12.5
    assert by_kind["group"]["payload"]["groupId"] == "g1"
    assert by_kind["alias"]["payload"]["previousId"]
    numbers = [event["payload"]["properties"]["number"] for event in events if event["payload"].get("event") == "Bulk"]
    assert sorted(numbers) == list(range(bulk))
    assert all(event["sent_at"] and event["original_timestamp"] for event in events)


def test_node(packages: Path, served: Service) -> None:
    command = [str(node()), "node.mjs", KEY, served.url]
    ran = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=90, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"failures": []}
    events = all_arrived(served, 106)
    check(events, {"identify", "track", "page", "screen", "group", "alias"}, 100)


@pytest.mark.browser
@pytest.mark.parametrize("batch", ["", "1"], ids=["one by one", "in batches"])
@pytest.mark.parametrize("page_name", ["segment", "rudder"])
def test_a_browser(site: str, served: Service, page_name: str, batch: str) -> None:
    chromium = needs.tool("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import sync_playwright

    kinds = {"identify", "track", "page", "group", "alias"} | ({"screen"} if page_name == "segment" else set())
    query = urlencode({"key": KEY, "collector": served.url, "batch": batch})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), headless=True, args=FLAGS)
        page = browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{site}/{page_name}.html?{query}")
        page.wait_for_function("window.outcome !== undefined", timeout=_LIMIT * 1000)
        assert page.evaluate("window.outcome") == "done"
        events = all_arrived(served, len(kinds) + 25)
        browser.close()
    check(events, kinds, 25)
    assert problems == []
    assert all(event["anonymous_id"] for event in events)
    assert served.metric('braid_collect_requests_total{status="401"}') == 0
    requests_made = served.metric('braid_collect_requests_total{status="200"}')
    assert requests_made < len(events) if batch else requests_made >= len(events)
