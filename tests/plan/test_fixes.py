"""Fixes are data: what each step does to a call, what it leaves alone, and what a file must say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import ContractError
from contracts.fixing import FOLDER, lint, load
from contracts.fixing.reading import Fix, read
from contracts.plan import Plan

HEAD = "name: f\nversion: 1\nowner: shop\nwhy: A release.\nletters: {rule: type}\n"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def fix_of(*steps: str) -> Fix:
    fixes, problems = read({"f.v1.yml": HEAD + "steps:\n" + "".join(f"  - {step}\n" for step in steps)})
    assert not problems, [str(problem) for problem in problems]
    return fixes.all[0]


def mended(call: Any, *steps: str) -> Any:
    fix = fix_of(*steps)
    made = copy.deepcopy(call)
    changed = fix.apply(made)
    assert changed == (json.dumps(made) != json.dumps(call)), "it says whether it changed anything"
    return made


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("rename: {from: a.x, to: a.y}", {"a": {"x": 1}}, {"a": {"y": 1}}),
        ("rename: {from: a.x, to: a.y}", {"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 2}}),
        ("rename: {from: a.x, to: a.y}", {"a": {"x": 1, "y": None}}, {"a": {"y": 1}}),
        ("rename: {from: a.x, to: b.c.d}", {"a": {"x": 1}, "b": None}, {"a": {}, "b": {"c": {"d": 1}}}),
        ("rename: {from: a.x, to: b.c}", {"a": {"x": 1}, "b": "text"}, {"a": {"x": 1}, "b": "text"}),
        (
            "rename: {from: 'a[].x', to: 'a[].y.z'}",
            {"a": [{"x": 1}, {"q": 2}, 3, {"x": None}]},
            {"a": [{"y": {"z": 1}}, {"q": 2}, 3, {"y": {"z": None}}]},
        ),
        ("copy: {from: a, to: b}", {"a": 1}, {"a": 1, "b": 1}),
        ("copy: {from: a, to: b}", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ("copy: {from: q, to: b}", {"a": 1}, {"a": 1}),
        ("set: {path: a.x, value: 1}", {"a": {"x": True}}, {"a": {"x": 1}}),
        ("set: {path: a.x, value: [1, {b: 2}]}", {}, {"a": {"x": [1, {"b": 2}]}}),
        ("default: {path: a.x, value: 1}", {"a": {"x": 0}}, {"a": {"x": 0}}),
        ("default: {path: a.x, value: 1}", {"a": {"x": None}}, {"a": {"x": 1}}),
        ("drop: a.x", {"a": {"x": 1, "y": 2}}, {"a": {"y": 2}}),
        ("drop: 'a[].x'", {"a": [{"x": 1}, {"y": 2}, None]}, {"a": [{}, {"y": 2}, None]}),
        ("drop: 'a[]'", {"a": [1, 2]}, {"a": [None, None]}),
        ("cast: {path: a, to: number}", {"a": " 12.50 "}, {"a": 12.5}),
        ("cast: {path: a, to: number}", {"a": "12"}, {"a": 12}),
        ("cast: {path: a, to: number}", {"a": "1e999"}, {"a": "1e999"}),
        ("cast: {path: a, to: number}", {"a": "12,50"}, {"a": "12,50"}),
        ("cast: {path: a, to: number, decimal: ','}", {"a": "12,50"}, {"a": 12.5}),
        ("cast: {path: a, to: number, decimal: ','}", {"a": "12.50"}, {"a": "12.50"}),
        ("cast: {path: a, to: number}", {"a": True}, {"a": True}),
        ("cast: {path: a, to: number}", {"a": "٣"}, {"a": "٣"}),
        ("cast: {path: a, to: integer}", {"a": 3.0}, {"a": 3}),
        ("cast: {path: a, to: integer}", {"a": 3.5}, {"a": 3.5}),
        ("cast: {path: a, to: integer}", {"a": "3.0"}, {"a": "3.0"}),
        ("cast: {path: a, to: string}", {"a": 3}, {"a": "3"}),
        ("cast: {path: a, to: string}", {"a": False}, {"a": "false"}),
        ("cast: {path: a, to: string}", {"a": None}, {"a": None}),
        ("cast: {path: a, to: string}", {"a": {"b": 1}}, {"a": {"b": 1}}),
        ("cast: {path: a, to: boolean}", {"a": "Yes"}, {"a": True}),
        ("cast: {path: a, to: boolean}", {"a": 0}, {"a": False}),
        ("cast: {path: a, to: boolean}", {"a": 2}, {"a": 2}),
        ("map: {path: a, values: {euro: EUR}}", {"a": "euro"}, {"a": "EUR"}),
        ("map: {path: a, values: {euro: EUR}}", {"a": "usd"}, {"a": "usd"}),
        ("map: {path: a, values: {euro: EUR}, others: drop}", {"a": "usd", "b": 1}, {"b": 1}),
        ("map: {path: a, values: {'1': one, 'true': two}}", {"a": True}, {"a": "two"}),
        ("event: {name: Order Refunded, version: 2}", {"event": "refund"},
         {"event": "Order Refunded", "context": {"protocols": {"event_version": 2}}}),
        ("event: {version: 2}", {"context": "text"}, {"context": "text"}),
    ],
)  # fmt: skip
def test_what_a_step_does(step: str, before: Any, after: Any) -> None:
    made = mended(before, step)
    assert json.dumps(made, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert json.dumps(mended(made, step)) == json.dumps(made) or step.startswith("map"), "a fix twice is a fix once"


def test_steps_follow_one_another_and_calls_share_nothing() -> None:
    fix = fix_of("set: {path: a, value: {list: []}}", "set: {path: a.b, value: 1}")
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    fix.apply(one)
    one["a"]["list"].append("mine")
    fix.apply(other)
    assert other == {"a": {"list": [], "b": 1}}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcx"), inner, max_size=3),
    max_leaves=12,
)
STEPS = (
    "rename: {from: 'a[].x', to: 'a[].b.c'}",
    "copy: {from: b, to: a.b}",
    "set: {path: 'a[].b', value: 1}",
    "default: {path: a.b.c, value: x}",
    "cast: {path: 'a[].x', to: number}",
    "cast: {path: b, to: integer}",
    "drop: 'b[][]'",
    "map: {path: a, values: {'1': 2}, others: drop}",
    "event: {name: E, version: 2}",
)


@given(ANYTHING, st.lists(st.sampled_from(STEPS), min_size=1, max_size=4))
def test_a_fix_never_fails_and_never_touches_what_it_does_not_name(call: Any, steps: list[str]) -> None:
    made = copy.deepcopy(call)
    fix_of(*steps).apply(made)
    json.dumps(made)
    if isinstance(call, dict):
        for name in {"c", "x"} & call.keys():
            assert repr(made[name]) == repr(call[name])
    else:
        assert repr(made) == repr(call)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: []", "f.v1.yml:6: steps must be a list of at least one step."),
        ("steps: [{shout: a}]", "the step 'shout' is unknown"),
        ("steps: [{rename: {from: a}}]", "rename needs to."),
        ("steps: [{rename: {from: a, to: a.b}}]", "neither within the other"),
        ("steps: [{rename: {from: 'a[].b', to: b}}]", "the same lists"),
        ("steps: [{set: {path: messageId, value: 1}}]", "by it a message is known"),
        ("steps: [{set: {path: 'a b', value: 1}}]", "is no path"),
        ("steps: [{set: {path: a, value: 2026-01-01}}]", "put dates and times in quotes"),
        ("steps: [{cast: {path: a, to: date}}]", "to must be one of"),
        ("steps: [{map: {path: a, values: {}}}]", "values must be a mapping"),
        ("steps: [{event: {}}]", "event needs a name, a version, or both"),
        ("steps: [{drop: a}]\nextra: 1", "the key 'extra' is unknown"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    fixes, problems = read({"f.v1.yml": f"{HEAD}{text}\n"})
    assert fixes.all == ()
    assert any(said in str(problem) for problem in problems), [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.replace("version: 1", "version: 2"), "belongs into a file f.v2.yml"),
        (HEAD.replace("letters: {rule: type}", "letters: {}"), "letters must say which"),
        (HEAD.replace("{rule: type}", "{colour: red}"), "'colour' is unknown"),
        (HEAD.replace("{rule: type}", "{seen_from: 2026-01-01}"), "must be a time in UTC as a text"),
        (HEAD.replace("why: A release.", "why: ''"), "why must be a text"),
    ],
)
def test_what_a_fix_must_say_of_itself(head: str, said: str) -> None:
    _, problems = read({"f.v1.yml": f"{head}steps: [{{drop: a}}]\n"})
    assert any(said in str(problem) for problem in problems), [str(problem) for problem in problems]


def test_versions_live_side_by_side(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        text = HEAD.replace("version: 1", f"version: {version}") + "steps: [{drop: a}]\n"
        (tmp_path / f"f.v{version}.yml").write_text(text)
    fixes = load(tmp_path)
    assert (fixes.newest("f").version, fixes.newest("f", 2).version) == (10, 2)
    with pytest.raises(ContractError, match="no fix g; contracts/fixes has f"):
        fixes.newest("g")
    (tmp_path / "h.v1.yml").write_text("name: [")
    with pytest.raises(ContractError, match=r"^h\.v1\.yml:1: not valid YAML"):
        load(tmp_path)


def test_the_fixes_of_this_project_and_of_the_docs_are_in_order() -> None:
    assert lint(FOLDER) == []
    (example,) = load(EXAMPLES / "fixes").all
    plan = Plan.load(EXAMPLES / "tracking_plans" / "saas_onboarding")
    properties = {"account_id": "a1", "plan": "team", "amount": "12,50", "currency": "EUR", "interval": "monthly"}
    call = {"type": "track", "event": "Subscription Started", "userId": "u1", "properties": properties}
    assert plan.judge(call, "server").action == "dead_letter"
    assert example.apply(call)
    assert plan.judge(call, "server").violations == ()
