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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from tests import needs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PICTURES = os.environ.get("BRAID_SCREENSHOTS") == "1"
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
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
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


@dataclass
class Opened:
    """The app over ``file``, in a browser's page; ``problems`` are what went wrong in it."""

    url: str
    file: Path
    log: Path
    page: Any
    problems: list[str]

    def put(self, copy: Path) -> None:
        """Put a copy in place as `braid publish` does."""
        draft = self.file.with_name(".draft.duckdb")
        shutil.copyfile(copy, draft)
        draft.replace(self.file)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One app and one browser; there is no serving copy yet."""
    chromium = needs.tool("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("app")
    file, log = folder / "braid_serving.duckdb", folder / "app.log"
    with app(file, log) as url, sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(chromium), headless=True, args=FLAGS)
        page = opened.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(PATIENCE)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield Opened(url, file, log, page, problems)
        opened.close()


@pytest.fixture
def opened(started: Opened) -> Iterator[Opened]:
    """Whatever a test does, nothing breaks in the browser or in the app."""
    yield started
    assert started.problems == []
    assert "Traceback" not in started.log.read_text()


def settled(page: Any, title: str) -> None:
    """The page is there, with nothing still running and nothing broken."""
    from playwright.sync_api import expect

    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile(r"made \d{4}-"))).to_be_visible()
    at_rest(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def at_rest(page: Any) -> None:
    """Until then what stands further down may be of before a click."""
    from playwright.sync_api import expect

    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def photographed(page: Any, name: str) -> None:
    """A picture for the docs, when BRAID_SCREENSHOTS=1 asks for them."""
    if PICTURES:
        page.wait_for_timeout(2000)
        page.screenshot(path=IMAGES / f"dashboard-{name}.png")


def tile(page: Any, label: str) -> Any:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def test_without_a_serving_copy_the_app_says_so_and_goes_on_once_there_is_one(opened: Opened, made: Path) -> None:
    from playwright.sync_api import expect

    opened.file.unlink(missing_ok=True)
    opened.page.goto(f"{opened.url}/health")
    expect(opened.page.get_by_text(re.compile("There is no serving copy at .*run `?braid build"))).to_be_visible()
    expect(opened.page.get_by_test_id("stMetric")).to_have_count(0)
    opened.put(made)
    opened.page.reload()
    settled(opened.page, "Pipeline health")


def test_a_filter_and_a_download_of_sales_are_the_marts(opened: Opened, made: Path) -> None:
    from playwright.sync_api import expect

    opened.put(made)
    page = opened.page
    page.goto(f"{opened.url}/health")
    page.get_by_role("link", name="Sales performance").click()
    settled(page, "Sales performance")
    page.get_by_role("combobox", name=re.compile("Currency")).click()
    page.get_by_role("option", name="EUR").click()
    with duckdb.connect(str(made), read_only=True) as connection:
        ((number,),) = connection.execute(
            "select count(*) from marts.fct_opportunities where currency = 'EUR' and not is_deleted and not is_closed"
        ).fetchall()
    expect(tile(page, "Open deals")).to_have_text(str(number))
    at_rest(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").last.click()
    written = Path(download.value.path()).read_text().splitlines()
    assert written[0].startswith("opportunity_name,stage,stage_name,amount")
    assert len(written) == number + 1


def test_a_customer_is_searched_and_the_graph_is_drawn(opened: Opened, made: Path) -> None:
    from playwright.sync_api import expect

    opened.put(made)
    page = opened.page
    page.goto(f"{opened.url}/customer")
    settled(page, "Customer 360")
    page.get_by_role("textbox", name="Search").fill("grace.byron1@")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page.get_by_role("heading", name="Grace Byron")).to_be_visible()
    page.get_by_role("tab", name="Identity graph").click()
    picture = page.get_by_test_id("stImage").locator("img, svg").first
    expect(picture).to_be_visible()
    assert picture.bounding_box()["height"] > 100
    photographed(page, "identity")
    page.get_by_role("tab", name="Timeline").click()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    photographed(page, "timeline")


def test_every_page_is_used_while_builds_write_and_publish(
    opened: Opened, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build holds the warehouse open for writing and ends with `braid publish`; here one follows the other."""
    from playwright.sync_api import expect

    from warehouse.serving import publish, serving_path

    folder = opened.file.parent
    database = folder / "braid.duckdb"
    assert serving_path(database) == opened.file
    shutil.copyfile(made, database)
    shutil.copyfile(ROOT / "profiles.yml.example", folder / "profiles.yml")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(folder))
    monkeypatch.setenv("BRAID_DUCKDB", str(database))
    monkeypatch.delenv("DBT_TARGET", raising=False)
    opened.put(made)
    over, published, failed = threading.Event(), [], []

    def build() -> None:
        while not over.is_set() and not failed:
            rows = len(published) + 100
            try:
                with duckdb.connect(str(database)) as connection:
                    connection.execute("delete from ops.quarantine")
                    connection.execute(
                        "insert into ops.quarantine by name select 'q' || range as quarantine_id, 'Contact' as object,"
                        f" 'salesforce' as source, 'open' as status from range({rows})"
                    )
                    over.wait(0.5)
                publish()
            except Exception as error:
                failed.append(error)
            published.append(rows)

    builds = threading.Thread(target=build)
    page = opened.page
    builds.start()
    try:
        for address, title in PAGES.items():
            page.goto(f"{opened.url}/{address}")
            settled(page, title)
            expect(page.get_by_test_id("stMetric").first).to_be_visible()
            expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    finally:
        over.set()
        builds.join(30)
    page.goto(f"{opened.url}/health")
    settled(page, "Pipeline health")
    expect(tile(page, "Rows in quarantine")).to_have_text(str(published[-1]))
    assert failed == []
    assert len(published) > 3
    if PICTURES:
        opened.put(made)
        for address, title in PAGES.items():
            page.goto(f"{opened.url}/{address}")
            settled(page, title)
            photographed(page, address.partition("?")[0] or "sales")
        page.get_by_role("tab", name="Test history").click()
        photographed(page, "tests")
