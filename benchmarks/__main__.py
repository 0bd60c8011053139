"""``python -m benchmarks``: every measure as one line of JSON; exit code 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks import extract_speed


def main() -> int:
    """Run everything, or what is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000], help="sizes of the Salesforce object"
    )
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many counts")
    asked = parser.parse_args()
    missed = 0
    for found in extract_speed.measure(tuple(asked.rows), asked.repeats):
        print(json.dumps(found), flush=True)
        missed += not found["ok"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
