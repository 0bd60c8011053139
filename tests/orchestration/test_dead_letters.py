"""`braid dead-letters` from outside: looked at, a fix tried, replayed; and what is said when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extract.dead_bench import FIX, PLAN, Post, call

pytestmark = pytest.mark.timeout(240)
Braid = Callable[..., tuple[int, str, str]]
SECRET = "77.25"


@pytest.fixture
def post(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """A plan, a fix and letters: one that the fix mends, one that it does not, one of another source."""
    post = Post(workshop)
    monkeypatch.setenv("BRAID_DUCKDB", str(workshop / "w.duckdb"))
    for folder, files in (("plan", PLAN), ("fixes", {"total_as_number.v1.yml": FIX})):
        (workshop / folder).mkdir()
        for name, text in files.items():
            (workshop / folder / name).write_text(text)
    post.deliver([call("m1", SECRET), call("m2", "many")])
    post.deliver([call("m1", SECRET)], seconds=60)
    post.deliver([call("m3", None, event="Other")], source="app")
    return post


FOLDERS = ("--plan", "plan", "--fixes", "fixes")


def test_letters_are_listed_counted_and_shown(post: Post, braid: Braid) -> None:
    code, out, _ = braid("dead-letters", "list")
    assert code == 0
    first = out.splitlines()[2].split("  ")
    assert [cell.strip() for cell in first if cell][:6] == ["Order Refunded", "type", "web_shop", "open", "2", "3"]
    assert SECRET not in out
    assert "events dead_letters: 3 wait to be replayed" in braid("status")[1]
    code, out, _ = braid("dead-letters", "list", "--source", "app", "--json")
    (group,) = json.loads(out)["groups"]
    assert (group["event"], group["rule"], group["letters"]) == ("Other", "unplanned_event", 1)
    code, out, _ = braid("dead-letters", "list", "--event", "Order Refunded", "--rule", "type", "--each", "--json")
    told = json.loads(out)
    assert (told["all"], SECRET in out) == (2, False)
    letter = next(one for one in told["letters"] if one["message_id"] == "m1")
    assert (letter["attempts"], letter["violations"][0]["path"]) == (2, "properties.total")
    code, out, _ = braid("dead-letters", "show", letter["letter_id"])
    assert code == 0
    assert SECRET in out
    assert "violation: type at properties.total: must be number, is string" in out
    assert "plan_version: plan_" in out
    code, out, _ = braid("dead-letters", "show", letter["letter_id"], "--json")
    assert json.loads(out)["payload"]["properties"]["total"] == SECRET
    code, _, err = braid("dead-letters", "show", "nothing")
    assert (code, "no such dead letter" in err) == (1, True)
    assert "No dead letters" in braid("dead-letters", "list", "--status", "replayed")[2]


def test_a_fix_is_tried_then_replayed_once(post: Post, braid: Braid) -> None:
    code, out, _ = braid("dead-letters", "fix", *FOLDERS)
    assert (code, "total_as_number" in out) == (0, True)
    code, out, _ = braid("dead-letters", "fix", "total_as_number", *FOLDERS)
    assert code == 0
    assert "total_as_number v1: 2 letters, 1 changed by it; 1 pass now, 1 fail." in out
    assert "properties.total: string became number" in out
    assert SECRET not in out
    code, out, _ = braid("dead-letters", "fix", "total_as_number", *FOLDERS, "--values", "--json")
    report = json.loads(out)
    assert report["samples"][0]["differences"] == [
        {"path": "properties.total", "before": f'"{SECRET}"', "after": SECRET}
    ]
    assert [(one["rule"], one["path"], one["letters"]) for one in report["failing"]] == [
        ("type", "properties.total", 1)
    ]
    assert post.query("select count(*) as n from raw_events.events") == [{"n": 0}]

    code, out, _ = braid("dead-letters", "replay", "--fix", "total_as_number", *FOLDERS)
    assert (code, out.splitlines()[0]) == (1, "1 events landed, 1 letters fail still.")
    code, out, _ = braid("dead-letters", "replay", "--fix", "total_as_number", *FOLDERS, "--json")
    again = json.loads(out)
    assert (code, again["landed"], again["failed"], again["letters"]) == (1, 0, 1, 1)
    assert post.ids() == ["m1"]
    assert "replayed" in braid("dead-letters", "list", "--status", "all")[1]
    (failed,) = json.loads(braid("dead-letters", "list", "--status", "failed", "--each", "--json")[1])["letters"]
    assert (failed["message_id"], failed["tries"], failed["fix"]) == ("m2", 2, "total_as_number")
    shown = braid("dead-letters", "show", failed["letter_id"])[1]
    assert "tried 2 times with total_as_number v1" in shown
    assert braid("dead-letters", "replay", failed["letter_id"], "--no-plan")[0] == 0
    assert post.ids() == ["m1", "m2"]


def test_the_circuit_breaker_says_what_to_do(post: Post, braid: Braid) -> None:
    chosen = ("dead-letters", "replay", "--fix", "total_as_number", *FOLDERS, "--min-batch", "2")
    code, out, err = braid(*chosen)
    assert (code, out) == (1, "")
    assert "1 of 2 dead letters would fail again" in err
    assert "nothing was replayed; mend the fix total_as_number" in err
    assert post.outcomes() == []
    code, _, err = braid("dead-letters", "fix", "total_as_number", *FOLDERS, "--min-batch", "2")
    assert (code, "`replay` refuses" in err) == (1, True)
    assert braid(*chosen, "--max-failing", "off")[1].startswith("1 events landed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay",), "Say which dead letters"),
        (("replay", "--fix", "nothing"), "There is no fix nothing"),
        (("replay", "--all", "--max-failing", "3"), "write a share above 0"),
        (("replay", "--all", "--no-plan", "--plan", "."), "Give --plan or --no-plan, not both"),
        (("list", "--status", "lost"), "is not one of"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_done(
    workshop: Path, braid: Braid, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = braid("dead-letters", *arguments)
    assert (code, said in err) == (2, True), err


def test_without_a_collector_there_are_none(workshop: Path, braid: Braid) -> None:
    assert braid("dead-letters", "list")[0] == 0
    code, _, err = braid("dead-letters", "replay", "--all")
    assert (code, "No dead letters" in err) == (0, True)
