"""The plan as a page: whole, escaped, and searched in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from contracts.plan import FOLDER, events, files_of
from contracts.plan.page import page
from tests import needs
from tests.plan.generators import SETTINGS, entry, plan_files

pytestmark = [pytest.mark.timeout(120)]
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tracking_plans" / "ecommerce"


def rendered(files: dict[str, str]) -> str:
    plan = events.read(files)
    assert plan.problems == ()
    return page(plan, files)


class Tags(HTMLParser):
    """Names of the tags and attributes of a page, and whether each tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)
        if tag not in ("meta", "link", "input"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def read(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert tags.opened == []
    return tags


@pytest.mark.parametrize("folder", [FOLDER, EXAMPLE], ids=lambda folder: folder.name)
def test_the_page_holds_every_event_and_property_and_loads_nothing(folder: Path) -> None:
    files = files_of(folder)
    text = rendered(files)
    for event in events.read(files).events:
        assert f">{event.name}</a>" in text
        for name in event.schema.get("properties", {}):
            assert f"<code>{name}</code>" in text
    tags = read(text)
    assert not {"img", "iframe", "object", "form"} & tags.tags
    loaded = [value for name, value in tags.attributes if name in ("src", "href") and value != "data:,"]
    assert all(value and value.startswith("#") for value in loaded)
    assert "default-src 'none'" in text
    assert rendered(files) == text


def test_what_a_plan_says_is_text_and_never_markup() -> None:
    evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    body = {
        "type": "object",
        "properties": {"id": {"type": "string", "description": evil, "pattern": "<b>", "enum": [evil]}},
    }
    settings = SETTINGS.replace("title: Test", f"title: {evil!r}") + "naming: {events: any}"
    files = plan_files(entry(evil, body=body, description=evil, deprecated=evil))
    files["plan.yml"] = settings.replace("\\'", "''")
    tags = read(rendered(files))
    assert "img" not in tags.tags
    assert not [name for name, _ in tags.attributes if name.startswith("on")]


def test_versions_stand_below_one_another_the_newest_open() -> None:
    line = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string", "minLength": 2}}}
    body = {"type": "object", "properties": {"products": {"type": "array", "items": line}}}
    text = rendered(plan_files(entry(version=1, deprecated="use the next"), entry(version=2, body=body)))
    assert text.count("<article ") == 1
    assert re.findall(r"<details( open)?><summary>Version (\d)", text) == [(" open", "2"), ("", "1")]
    assert "deprecated: use the next" in text
    assert "<code>products[].sku</code>" in text
    assert "array of object" in text
    assert "length ≥ 2" in text


class TestInABrowser:
    pytestmark = pytest.mark.browser

    @pytest.fixture
    def browser(self) -> Iterator[Any]:
        chromium = needs.tool("chromium", "chromium-browser", "google-chrome")
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(chromium), headless=True, args=FLAGS)
            yield browser
            browser.close()

    def test_searching_shows_what_was_asked_for(self, browser: Any, tmp_path: Path) -> None:
        from playwright.sync_api import expect

        place = tmp_path / "plan.html"
        place.write_text(rendered(files_of(EXAMPLE)), encoding="utf-8")
        view = browser.new_page(viewport={"width": 1200, "height": 800})
        problems: list[str] = []
        view.on("pageerror", lambda error: problems.append(str(error)))
        view.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        view.goto(place.as_uri())
        everything = view.locator("article").count()
        assert everything > 20
        expect(view.get_by_role("heading", name="Order Completed")).to_be_visible()

        view.keyboard.press("/")
        view.keyboard.type("refund order")
        expect(view.locator("article:visible")).to_have_count(1)
        expect(view.get_by_role("status")).to_have_text(f"1 of {everything} events")
        expect(view.locator("nav a:visible")).to_have_text(["Order Refunded"])
        expect(view.locator("section.category:visible")).to_have_count(1)

        view.get_by_role("searchbox").fill("shipping_method")
        assert set(view.locator("article:visible h3").all_text_contents()) == {
            "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered",
        }  # fmt: skip
        view.get_by_role("searchbox").fill("nothing has this word")
        expect(view.get_by_role("status")).to_have_text(f"No of {everything} events")
        view.keyboard.press("Escape")
        expect(view.locator("article:visible")).to_have_count(everything)

        # An older version is folded away; an address leads to an event and to a search.
        article = view.locator("#order_completed")
        expect(article.get_by_text("shops before 2.0 send it")).to_be_visible()
        expect(article.locator("details:not([open]) table")).to_be_hidden()
        article.get_by_text("Version 1").click()
        expect(article.locator("details table").last).to_be_visible()
        view.goto(f"{place.as_uri()}?q=coupon_id#coupon_denied")
        expect(view.locator("article:visible")).to_have_count(2)
        assert problems == []

    def test_a_narrow_screen_scrolls_in_one_direction_only(self, browser: Any, tmp_path: Path) -> None:
        place = tmp_path / "plan.html"
        place.write_text(rendered(files_of(FOLDER)), encoding="utf-8")
        view = browser.new_page(viewport={"width": 400, "height": 800})
        view.goto(place.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= 400
