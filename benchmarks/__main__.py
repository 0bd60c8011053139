"""``python -m benchmarks``: every measure as one line of JSON; exit code 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain

from benchmarks import (
    collect_speed,
    extract_speed,
    identity_speed,
    landing_speed,
    plan_speed,
    scoring_speed,
    sessions_speed,
    whole_speed,
)


def main() -> int:
    """Run everything, or what is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000], help="sizes of the Salesforce object"
    )
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many counts")
    parser.add_argument(
        "--records", type=int, nargs="+", default=[1_000_000, 10_000_000], help="records of the identity graphs"
    )
    parser.add_argument("--persons", type=int, nargs="+", default=[1_000_000], help="persons whose pairs are scored")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000_000], help="events that sessions are made of")
    parser.add_argument("--people", type=int, nargs="+", default=[1_000_000], help="people of the company built whole")
    choices = ["extract", "identity", "scoring", "plan", "collect", "landing", "sessions", "whole"]
    parser.add_argument("--only", choices=choices, help="one part instead of all")
    asked = parser.parse_args()
    parts = {
        "extract": lambda: extract_speed.measure(tuple(asked.rows), asked.repeats),
        "identity": lambda: identity_speed.measure(tuple(asked.records)),
        "scoring": lambda: scoring_speed.measure(tuple(asked.persons)),
        "collect": collect_speed.measure,
        "landing": landing_speed.measure,
        "plan": plan_speed.measure,
        "sessions": lambda: sessions_speed.measure(tuple(asked.events)),
        "whole": lambda: whole_speed.measure(tuple(asked.people)),
    }
    missed = 0
    for found in chain.from_iterable(part() for name, part in parts.items() if asked.only in (None, name)):
        print(json.dumps(found), flush=True)
        missed += not found["ok"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
