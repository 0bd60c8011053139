"""What the tests of dead letters share: a plan, its collector's door, and letters that it refused, landed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from collect.again import Again
from collect.calls import message_id
from collect.events import Intake, Records, Stamps
from contracts.fixing import Fix, Selection
from contracts.fixing.reading import read
from contracts.plan import Plan as TrackingPlan
from extract.breaker import Breaker
from extract.dead_letters.replaying import Plan, Replayed, replay
from tests.extract.events_log import DAY, Landing

PLAN = {
    "plan.yml": """
title: A plan
description: For a test.
owners: {shop: The shop.}
purposes: {necessary: Needed.}
categories: {ordering: Orders.}
sources: {web_shop: The shop., app: The app.}
naming: {events: Object Action, properties: snake_case}
unplanned_events: dead_letter
pii: {}
""",
    "order_refunded.v1.yml": """
name: Order Refunded
version: 1
owner: shop
category: ordering
purpose: necessary
description: Money went back.
on_violation: dead_letter
properties:
  type: object
  required: [order_id]
  properties:
    order_id: {type: string, description: The order.}
    total: {type: number, description: What went back.}
    lines:
      type: array
      description: What was bought.
      items:
        type: object
        description: A line.
        properties:
          price: {type: number, description: Of one.}
""",
}
FIX = """
name: total_as_number
version: 1
owner: shop
why: A release sent it as a text.
letters: {event: Order Refunded, rule: type, path: "properties.total"}
steps:
  - cast: {path: properties.total, to: number}
"""


def fix_of(text: str = FIX, version: int = 1) -> Fix:
    name = text.split("name: ")[1].split()[0]
    fixes, problems = read({f"{name}.v{version}.yml": text})
    assert not problems, [str(problem) for problem in problems]
    return fixes.all[0]


def intake(files: dict[str, str] | None = None) -> Intake:
    return Intake(TrackingPlan.of(files or PLAN))


def door(files: dict[str, str] | None = None) -> Again:
    return Again(intake(files), TrackingPlan.of(files or PLAN).version)


def call(message: str | None, total: Any = "12.5", **more: Any) -> dict[str, Any]:
    properties = {"order_id": "o1"} | ({} if total is None else {"total": total})
    made = {"type": "track", "event": "Order Refunded", "userId": "u1", "properties": properties} | more
    return made | ({"messageId": message} if message is not None else {})


def collected(
    calls: Sequence[Any], *, seconds: float = 0, source: str = "web_shop", sent: str | None = None,
    kind: str | None = None,
) -> Records:  # fmt: skip
    """What the collector makes of calls that it receives so many seconds after the first of May."""
    records, taker = Records(), intake()
    for one in calls:
        message, broken = message_id(one)
        stamps = Stamps.of(source, DAY + timedelta(seconds=seconds), sent)
        taker.take(one, kind, message, broken, stamps, records)
    return records


class Post(Landing):
    """A log, its warehouse, and letters in it."""

    def deliver(self, calls: Sequence[Any], **more: Any) -> Records:
        records = collected(calls, **more)
        self.append([data for _, data in records.events], [data for _, data in records.dead])
        assert all(result.error is None for result in self.extract().values())
        return records

    def plan(
        self, fix: Fix | None = None, *selections: Selection, files: dict[str, str] | None = None,
        breaker: Breaker | None = None,
    ) -> Plan:  # fmt: skip
        chosen = [*selections, *([fix.letters] if fix else [])]
        return Plan(chosen, door(files), fix, breaker or Breaker())

    def replay(self, fix: Fix | None = None, *selections: Selection, **more: Any) -> Replayed:
        return replay(self.plan(fix, *selections, **more), self.opened, spool_root=self.folder / "spool")

    def statuses(self) -> dict[tuple[str, str], str]:
        rows = self.query("select message_id, coalesce(fix, '-') as fix, status from ops.dead_letter_outcomes")
        return {(row["message_id"], row["fix"]): row["status"] for row in rows}

    def outcomes(self) -> list[dict[str, Any]]:
        return self.query(
            "select * from ops.dead_letter_outcomes order by message_id, rule, fix nulls first, fix_version"
        )


def parsed(record: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(record)
    return found


def post(folder: Path) -> Post:
    return Post(folder)
