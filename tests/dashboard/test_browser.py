"""The app as `make dashboard` starts it, in a real browser: every page opened and used, also while builds publish."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from tests import needs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 60_000
PAGES = {
    "": "Sales performance",
    "customer?customer=grace.byron1@": "Customer 360",
    "acquisition": "Acquisition and attribution",
    "retention": "Funnels and retention",
    "health": "Pipeline health",
}


@contextmanager
def app(file: Path, log: Path) -> Iterator[str]:
    """The app over a file; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.address", "127.0.0.1",
               "--server.port", str(port), "--server.headless", "true", "--browser.gatherUsageStats", "false",
               "--client.toolbarMode", "minimal"]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "BRAID_DASHBOARD_FILE": str(file)},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(requests.RequestException):
                if requests.get(f"{url}/_stcore/health", timeout=2).ok:
                    break
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield url
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)


@contextmanager
def browser() -> Iterator[tuple[Any, list[str]]]:
    """A page of Chromium, and what went wrong in it."""
    chromium = needs.tool("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(chromium), headless=True, args=FLAGS)
        page = opened.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(PATIENCE)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page, problems
        opened.close()


def settled(page: Any, title: str) -> None:
    """The page is there, with nothing still running and nothing broken."""
    from playwright.sync_api import expect

    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile(r"made \d{4}-"))).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def tile(page: Any, label: str) -> Any:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def test_every_page_is_opened_and_used(made: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    log = tmp_path / "app.log"
    with app(made, log) as url, browser() as (page, problems):
        for address, title in PAGES.items():
            page.goto(f"{url}/{address}")
            settled(page, title)
            expect(page.get_by_test_id("stMetric").first).to_be_visible()
            if os.environ.get("BRAID_SCREENSHOTS") == "1":
                page.wait_for_timeout(2000)
                page.screenshot(path=IMAGES / f"dashboard-{address.partition('?')[0] or 'sales'}.png")

        # By the menu, as people go; a filter, and what it says, is the mart's.
        page.get_by_role("link", name="Sales performance").click()
        settled(page, "Sales performance")
        page.get_by_role("combobox", name=re.compile("Currency")).click()
        page.get_by_role("option", name="EUR").click()
        with duckdb.connect(str(made), read_only=True) as connection:
            ((number,),) = connection.execute(
                "select count(*) from marts.fct_opportunities"
                " where currency = 'EUR' and not is_deleted and not is_closed"
            ).fetchall()
        expect(tile(page, "Open deals")).to_have_text(str(number))
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").last.click()
        written = Path(download.value.path()).read_text().splitlines()
        assert written[0].startswith("opportunity_name,stage_name,amount")
        assert len(written) == number + 1

        page.get_by_role("link", name="Customer 360").click()
        settled(page, "Customer 360")
        page.get_by_role("textbox", name="Search").fill("grace.byron1@")
        page.get_by_role("textbox", name="Search").press("Enter")
        expect(page.get_by_role("heading", name="Grace Byron")).to_be_visible()
        page.get_by_role("tab", name="Identity graph").click()
        picture = page.get_by_test_id("stImage").locator("img, svg").first
        expect(picture).to_be_visible()
        assert picture.bounding_box()["height"] > 100
        if os.environ.get("BRAID_SCREENSHOTS") == "1":
            page.wait_for_timeout(2000)
            page.screenshot(path=IMAGES / "dashboard-identity.png")
        page.get_by_role("tab", name="Timeline").click()
        expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    assert problems == []
    assert "Traceback" not in log.read_text()


def test_pages_are_used_while_builds_publish_and_show_the_newest(made: Path, tmp_path: Path) -> None:
    """A build ends by putting a new copy in place; here that happens over and over while somebody reads."""
    from playwright.sync_api import expect

    file, log = tmp_path / "braid_serving.duckdb", tmp_path / "app.log"
    shutil.copyfile(made, file)
    over, published = threading.Event(), []

    def publish() -> None:
        while not over.is_set():
            draft = tmp_path / ".draft.duckdb"
            shutil.copyfile(made, draft)
            with duckdb.connect(str(draft)) as connection:
                connection.execute(f"delete from ops.quarantine; insert into ops.quarantine by name select 'q' || range"
                                   " as quarantine_id, 'salesforce' as source, 'Contact' as object, 'open' as status"
                                   f" from range({len(published) + 100})")  # fmt: skip
            draft.replace(file)
            published.append(len(published) + 100)
            over.wait(0.3)

    builds = threading.Thread(target=publish)
    with app(file, log) as url, browser() as (page, problems):
        builds.start()
        try:
            for address, title in PAGES.items():
                page.goto(f"{url}/{address}")
                settled(page, title)
                expect(page.get_by_test_id("stMetric").first).to_be_visible()
                expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        finally:
            over.set()
            builds.join(30)
        page.goto(f"{url}/health")
        settled(page, "Pipeline health")
        expect(tile(page, "Rows in quarantine")).to_have_text(str(published[-1]))
    assert len(published) > 3
    assert problems == []
    assert "Traceback" not in log.read_text()


def test_without_a_serving_copy_the_app_says_so_and_goes_on_once_there_is_one(made: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    file, log = tmp_path / "braid_serving.duckdb", tmp_path / "app.log"
    with app(file, log) as url, browser() as (page, problems):
        page.goto(f"{url}/health")
        expect(page.get_by_text(re.compile("There is no serving copy at .*run `?braid build"))).to_be_visible()
        expect(page.get_by_test_id("stMetric")).to_have_count(0)
        shutil.copyfile(made, tmp_path / "draft")
        (tmp_path / "draft").replace(file)
        page.reload()
        settled(page, "Pipeline health")
    assert problems == []
    assert "Traceback" not in log.read_text()
