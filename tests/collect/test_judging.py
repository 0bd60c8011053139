"""The tracking plan at the door: what it lets pass, strips and refuses, and what happens when it fails itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from contracts.plan import Plan
from log.base import DEAD_LETTERS
from tests.collect.helpers import KEY, Bench, on_bench, service

pytestmark = pytest.mark.timeout(120)
CALL = {"type": "track", "event": "Refunded", "userId": "u1", "messageId": "m1", "properties": {"total": "five"}}
FILES = {
    "plan.yml": """
title: A plan
description: For a test.
owners: {shop: The shop.}
purposes: {necessary: Needed.}
categories: {ordering: Orders.}
sources: {web: The shop.}
naming: {events: Object Action, properties: snake_case}
unplanned_events: dead_letter
unplanned_properties: pass
staging_tests: warn
pii: {}
""",
}
EVENT = """
name: Refunded
version: 1
owner: shop
category: ordering
purpose: necessary
description: Money went back.
on_violation: %s
properties:
  type: object
  description: Of the refund.
  properties:
    total: {type: number, description: What went back.}
    order_id: {type: string, description: The order.}
"""


@dataclass
class Said:
    rule: str
    path: str = "properties.total"
    message: str = "must be a number"


@dataclass
class Judged:
    action: Literal["pass", "strip", "dead_letter"]
    violations: tuple[Said, ...] = ()
    event: Mapping[str, Any] = field(default_factory=dict)
    event_name: str | None = "Refunded"
    event_version: str | None = "2"


class Fixed:
    """A judge that says what it was given."""

    version = "v7"

    def __init__(self, verdict: Judged | Exception) -> None:
        self.verdict = verdict

    def judge(self, event: Mapping[str, Any], write_key_source: str) -> Judged:
        assert write_key_source == "web"
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


def judged(folder: Path, judge: Any, *calls: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and dead letters after a batch, which is answered 200 whatever the plan says."""

    async def work(bench: Bench) -> Any:
        answer = await bench.post("/v1/batch", {"batch": list(calls or [CALL])})
        assert answer.status == 200
        return bench.records(), bench.records(DEAD_LETTERS)

    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = on_bench(folder, work, judge=judge)
    return found


def test_what_passes_is_told_by_which_plan(tmp_path: Path) -> None:
    (event,), dead = judged(tmp_path, Fixed(Judged("pass")))
    assert dead == []
    assert (event["plan_version"], event["event_name"], event["event_version"]) == ("v7", "Refunded", "2")
    assert event["payload"] == CALL
    assert "violations" not in event


def test_what_passes_with_a_violation_says_so(tmp_path: Path) -> None:
    (event,), _ = judged(tmp_path, Fixed(Judged("pass", (Said("type"),))))
    assert event["violations"] == [{"rule": "type", "path": "properties.total", "message": "must be a number"}]
    assert event["payload"] == CALL


def test_what_is_stripped_is_kept_without_it(tmp_path: Path) -> None:
    left = {**CALL, "properties": {}}
    (event,), dead = judged(tmp_path, Fixed(Judged("strip", (Said("type"),), left)))
    assert (event["payload"], dead) == (left, [])


def test_what_the_plan_refuses_is_a_dead_letter_with_everything_in_it(tmp_path: Path) -> None:
    events, (letter,) = judged(tmp_path, Fixed(Judged("dead_letter", (Said("type"), Said("other")))))
    assert events == []
    assert (letter["rule"], letter["plan_version"], letter["event_version"]) == ("type", "v7", "2")
    assert [violation["rule"] for violation in letter["violations"]] == ["type", "other"]
    assert letter["payload"] == CALL


@pytest.mark.parametrize(
    "verdict",
    [ValueError("five"), Judged("pass", violations=(None,)), Judged("strip", event=None)],  # type: ignore[arg-type]
    ids=["it raises", "its violations are none", "its event is none"],
)
def test_an_event_that_could_not_be_judged_is_never_let_through(
    tmp_path: Path, verdict: Any, caplog: pytest.LogCaptureFixture
) -> None:
    events, letters = judged(tmp_path, Fixed(verdict))
    assert (events, letters[0]["rule"], letters[0]["payload"]) == ([], "validation_failed", CALL)
    # A message may quote what was sent.
    assert "five" not in caplog.text


@pytest.mark.parametrize("action", ["pass", "strip", "dead_letter"])
def test_a_real_plan_at_the_door(tmp_path: Path, action: str) -> None:
    plan = Plan.of({**FILES, "refunded.v1.yml": EVENT % action})
    good = {**CALL, "messageId": "good", "properties": {"total": 5, "order_id": "o1"}}
    events, dead = judged(tmp_path, plan, CALL, good, {**CALL, "event": "Unheard Of", "messageId": "m3"})
    found = {event["message_id"]: event for event in events}
    letters = {letter["message_id"]: letter for letter in dead}
    assert found["good"]["event_version"] == "1"
    assert found["good"]["plan_version"] == plan.version
    assert letters["m3"]["rule"] == "unplanned_event"
    if action == "dead_letter":
        assert letters["m1"]["payload"] == CALL
    else:
        assert found["m1"]["violations"][0]["path"] == "properties.total"
        assert found["m1"]["payload"]["properties"] == ({} if action == "strip" else {"total": "five"})


def test_the_service_judges_by_the_plan_it_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    folder.mkdir()
    for name, text in {**FILES, "refunded.v1.yml": EVENT % "strip"}.items():
        (folder / name).write_text(text)
    with service(tmp_path / "collect", "--plan", str(folder), "--workers", "2") as running:
        answer = requests.post(f"{running.url}/v1/track", json=CALL, auth=(KEY, ""), timeout=20)
        assert answer.status_code == 200
        (event,) = running.records()
        assert (event["payload"]["properties"], event["event_version"]) == ({}, "1")
        assert running.metric("braid_collect_events_violations_total") == 1
