"""Judging events by the tracking plan, one event at a time on one core.

The reference is ``jsonschema``, the validator everybody has, compiled once and asked whether the same properties are
valid: no names, versions, verdicts. Seconds are of this process alone, so that others on the machine do not count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import jsonschema

from contracts.plan import FOLDER, Plan
from sandbox.company import Company

LEAST = 50_000
LEAST_BROKEN = 20_000
COUNT = 200_000
REFERENCE_COUNT = 2_000
REPEATS = 3


def measure() -> Iterator[dict[str, Any]]:
    """The company's own calls as they are, and with a property broken in each."""
    plan = Plan.load(FOLDER)
    payloads = Company(1, 300, 1).tables["segment.events"]["payload"].to_pylist()
    calls = [call for payload in payloads if (call := json.loads(payload))["type"] != "identify"]
    broken = [{**call, "properties": {**call["properties"], "price": "x", "url": 5, "total": None}} for call in calls]

    schemas = {event.name: jsonschema.Draft202012Validator(event.schema) for event in plan.events}
    known = [(schemas[call.get("event", "Page")], call["properties"]) for call in calls]
    seconds = fastest(lambda: [checker.is_valid(body) for checker, body in islice(cycle(known), REFERENCE_COUNT)])
    reference = REFERENCE_COUNT / seconds
    for name, events, least in (("judge", calls, LEAST), ("judge_broken", broken, LEAST_BROKEN)):
        chosen = list(islice(cycle(events), COUNT))
        speed = COUNT / fastest(lambda chosen=chosen: [plan.judge(event, "web") for event in chosen])
        yield {
            "measure": f"plan_{name}",
            "events": COUNT,
            "per_second": round(speed),
            "reference": "jsonschema, is_valid",
            "reference_per_second": round(reference),
            "times_reference": round(speed / reference, 1),
            "target_per_second": least,
            "ok": speed >= least,
        }


def fastest(work: Callable[[], object]) -> float:
    """Seconds of this process for the best of a few rounds."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best
