"""Dagster as `make ui` starts it, in a real browser: the graph is there, and a materialisation from it works."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.server import Running
from tests import needs
from tests.orchestration.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
MINUTE = 60_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def dagster(home: Path, env: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """`dagster dev` with everything it starts; yields its address and its log."""
    home.mkdir()
    shutil.copyfile(ROOT / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    port, log = free_port(), home / "dagster.log"
    command = [Path(sys.executable).with_name("dagster"), "dev", "--host", "127.0.0.1", "--port", str(port)]
    quiet = "ignore:Function `dev_command` is superseded"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **env, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": quiet},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: requests.get(f"{url}/server_info", timeout=2).ok, 120, log)
        yield url, log
    finally:
        for sign in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)


def wait_until(condition: object, seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if condition():  # type: ignore[operator]
                return
        time.sleep(0.5)
    pytest.fail(f"Dagster is not ready after {seconds:.0f} s:\n{log.read_text()[-2000:]}")


def ask(url: str, query: str) -> dict[str, object]:
    answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=30).json()
    assert "errors" not in answer, answer
    return dict(answer["data"])


def launched(url: str) -> list[str]:
    """Runs that someone launched, not a schedule."""
    found: Any = ask(url, "{runsOrError {... on Runs {results {runId jobName}}}}")
    return [run["runId"] for run in found["runsOrError"]["results"] if run["jobName"].startswith("__ASSET_JOB")]


def stop_schedules(url: str) -> None:
    """At whatever minute the test runs, no schedule shall start a run beside its own."""
    every = (
        'schedulesOrError(repositorySelector: {repositoryLocationName: "braid", repositoryName: "__repository__"}) '
        "{... on Schedules {results {id scheduleState {status}}}}"
    )
    found: Any = ask(url, f"{{{every}}}")
    for schedule in found["schedulesOrError"]["results"]:
        ask(url, f'mutation {{stopRunningSchedule(id: "{schedule["id"]}") {{__typename}}}}')
    stopped: Any = ask(url, f"{{{every}}}")
    states = [schedule["scheduleState"]["status"] for schedule in stopped["schedulesOrError"]["results"]]
    assert len(states) >= 6
    assert set(states) == {"STOPPED"}


def test_the_graph_is_shown_and_an_object_materialised_from_the_browser(company: Running, tmp_path: Path) -> None:
    chromium = needs.tool("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import expect, sync_playwright

    with dagster(tmp_path / "dagster", company.environment()) as (url, log), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))

        stop_schedules(url)
        page.goto(f"{url}/assets/hubspot/owners", timeout=2 * MINUTE)
        page.get_by_role("button", name="Materialize").first.click(timeout=MINUTE)
        # A page left before the launch is answered takes the launch with it.
        wait_until(lambda: launched(url), 60, log)
        page.goto(f"{url}/runs", timeout=MINUTE)
        expect(page.get_by_text("Success").first).to_be_visible(timeout=4 * MINUTE)

        (run,) = launched(url)
        page.goto(f"{url}/runs/{run}", timeout=MINUTE)
        expect(page.get_by_text("hubspot / owners").first).to_be_visible(timeout=MINUTE)
        expect(page.get_by_text("landed_batch").first).to_be_visible(timeout=MINUTE)

        page.goto(f"{url}/asset-groups", timeout=MINUTE)
        for group in ("raw_salesforce", "staging_hubspot", "identity", "marts_core"):
            expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=MINUTE)
        if os.environ.get("BRAID_SCREENSHOTS") == "1":
            page.wait_for_timeout(3000)
            page.screenshot(path=ROOT / "docs" / "images" / "dagster-ui.png")
        browser.close()

    assert problems == []
    said = log.read_text()
    # What a new instance says of itself on its first start is not about us.
    warned = [line for line in said.splitlines() if re.search("warning", line, re.I) and "No cursor for" not in line]
    assert warned == []
    assert "Traceback" not in said
