"""The made-up company keeps to the plan of this project: what the demo shows is what the plan says."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from contracts import owners
from contracts.plan import FOLDER, Plan
from sandbox.company import Company

pytestmark = [pytest.mark.timeout(120)]


@pytest.mark.parametrize("day", [1, 3])
def test_every_call_of_the_company_keeps_to_the_plan(day: int) -> None:
    plan = Plan.load(FOLDER)
    seen: Counter[str | None] = Counter()
    for payload in Company(4, 600, day).tables["segment.events"]["payload"].to_pylist():
        verdict = plan.judge(json.loads(payload), "web")
        assert verdict.violations == (), payload
        seen[verdict.event_name] += 1
    assert set(seen) == {"Identify", "Page", "Product Viewed", "Product Added", "Signed Up", "Order Completed"}


def test_whoever_owns_an_event_is_a_team_that_can_be_reached() -> None:
    teams = {owner.name for owner in owners.read()}
    assert set(Plan.load(FOLDER).settings.owners) <= teams
