"""docs/dead-letters.md: its commands run as they are written there, each on letters that it is about."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from collect.events import Intake, Records, Stamps
from contracts.plan import Plan
from tests.extract.dead_bench import Post, call

pytestmark = pytest.mark.timeout(240)
Braid = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]
ONBOARDING = ROOT / "docs" / "examples" / "tracking_plans" / "saas_onboarding"


def documented() -> list[list[str]]:
    """The arguments of each command, in the order of the page."""
    lines = (ROOT / "docs" / "dead-letters.md").read_text().splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("braid ")]


@pytest.fixture
def post(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Letters for the fix of this project, for the one of the docs, and one that the project's plan lets pass now."""
    post = Post(workshop)
    monkeypatch.setenv("BRAID_DUCKDB", str(workshop / "w.duckdb"))
    nobody = {"type": "track", "event": "Product Viewed", "messageId": "m1", "properties": {"user_id": 7}}
    post.deliver([nobody], source="server")
    post.deliver([call("m2", event="Order Completed")])
    properties = {"account_id": "a1", "plan": "team", "amount": "12,50", "currency": "EUR", "interval": "monthly"}
    subscribed = {"type": "track", "event": "Subscription Started", "userId": "u1", "properties": properties}
    records, stamps = Records(), Stamps.of("server", datetime(2026, 10, 2), None)
    Intake(Plan.load(ONBOARDING)).take(subscribed, None, "m3", "", stamps, records)
    post.append([], [data for _, data in records.dead])
    post.extract()
    return post


def test_the_commands_of_the_page_run_and_do_what_it_says(post: Post, braid: Braid) -> None:
    commands = documented()
    assert len(commands) >= 6
    letters = json.loads(braid("dead-letters", "list", "--each", "--json")[1])["letters"]
    assert {one["message_id"]: one["status"] for one in letters} == dict.fromkeys(("m1", "m2", "m3"), "open")
    said = []
    for command in commands:
        arguments = [letters[0]["letter_id"] if re.fullmatch("[0-9a-f]{16}", word) else word for word in command]
        arguments = [str(ROOT / word) if word.startswith("docs/") else word for word in arguments]
        code, out, err = braid(*arguments)
        assert code == 0, (command, err)
        assert "No dead letters of these wait" not in err, command
        said.append(out)
    told = "".join(said)
    assert "user_id_from_properties v1: 1 letters, 1 changed by it; 1 pass now" in told
    assert told.count("1 events landed, 0 letters fail still.") == 2
    assert "subscription_amount_as_number v1: 1 letters, 1 changed by it; 1 pass now, 0 fail." in told
    assert post.ids() == ["m1", "m2"]


@pytest.mark.parametrize("command", ["fix", "replay", "show", "list"])
def test_the_fixes_that_help_texts_name_are_there(braid: Braid, command: str) -> None:
    from contracts.fixing import FOLDER, load

    known = {one.name for one in load(FOLDER).all}
    out = braid("dead-letters", command, "--help")[1] + braid("dead-letters", "--help")[1]
    named = set(re.findall(r"(?:dead-letters fix|--fix) ([a-z_]+)", out))
    assert named
    assert named <= known
