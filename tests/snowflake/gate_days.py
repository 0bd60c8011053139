"""The gate on one warehouse, after the two days, in a process of its own: held, approved, taken back.

    python -m tests.snowflake.gate_days TARGET OUT

The shop's mailbox is taken off the list of blocked values, and new facts land. Only what that reaches is built: the
rest of the project was, on both days. ``OUT`` gets a folder for each build with the tables compared, and ``said.json``:
by build whether dbt was green, whether only the gate's test was red, and what ``braid identity diff`` and ``braid
status`` would say.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import warehouse
from orchestration.lib import decisions, gate
from tests.snowflake import shop
from tests.snowflake.fake import fake_snowflake
from tests.snowflake.one_day import written
from warehouse.base import TableName, Warehouse

BUILDS = ("held", "approved", "taken_back")
BOOKS = ("customer_ids", "customer_xref", "identity_builds", "identity_over_limits", "identity_clusters")
COMPARED = (
    *(TableName("identity", name) for name in (*BOOKS, "identity_gate", "identity_diff", "customer_id_lookup")),
    TableName("identity", "customer_xref_current"),
    TableName("marts", "fct_orders"),
)
# What the list of people reaches, on the way to the books, to the gate and to a mart.
_ENDS = ("identity_diff+", "customer_xref_current", "identity_builds", "identity_over_limits", "fct_orders")
_SELECTED = [f"stg_files__people+,+{end}" for end in _ENDS]
_ARGUMENTS = [
    "build", "--select", *_SELECTED, "--exclude", "test_type:generic", "test_type:unit",
    "--indirect-selection", "cautious",
]  # fmt: skip


def main(target: str, out: Path) -> int:
    """Exit code 0 when every build ended, green or red."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    said: dict[str, Any] = {}
    # Later than every extraction, and the same in both warehouses: ids of decisions are made of it.
    moments = iter(datetime(2040, 1, day) for day in (1, 2))
    with fake_snowflake(out.parent / "database") if target == "snowflake" else nullcontext():
        with warehouse.connect(target) as store:
            write(store, out / "before")
            shop.land_news(store)
            values, rules = (TableName("contracts", name) for name in ("identifier_blocked_values", "identity_rules"))
            store.execute(f"delete from {store.relation(values)} where blocked_value = '{shop.MAILBOX}'")
            store.execute(f"update {store.relation(rules)} set rules_version = 'without the mailbox'")
        said["held"] = built(target, out, "held")
        with warehouse.connect(target) as store:
            approval = gate.approve(store, "identity", decisions.Maker("ada", "one family, one mailbox", next(moments)))
        said["approved"] = built(target, out, "approved")
        with warehouse.connect(target) as store:
            decisions.undo(store, approval.decision_id, decisions.Maker("bob", "no family at all", next(moments)))
        said["taken_back"] = built(target, out, "taken_back")
    (out / "said.json").write_text(json.dumps({"approval": approval.decision_id, "builds": said}, default=str))
    return 0


def built(target: str, out: Path, name: str) -> dict[str, Any]:
    """One build; what dbt and the gate say of it, and the tables as it left them."""
    from dbt.cli.main import dbtRunner

    # The day before has parsed the project.
    where = ["--target", target, "--target-path", str(out.parent / "day2" / "target"), "--log-path", str(out / "logs")]
    done = dbtRunner().invoke(["--quiet", *_ARGUMENTS, *where])
    with warehouse.connect(target) as store:
        write(store, out / name)
        found, waiting = gate.read(store, "identity"), gate.held(store, "identity")
    alone = gate.alone_failed(out.parent / "day2" / "target" / "run_results.json")
    why = None if waiting is None else waiting.why
    return {
        "is_green": done.success,
        "gate_alone": alone,
        "why": why,
        "diff": {"is_held": found.is_held, **asdict(found)},
    }


def write(store: Warehouse, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for table in COMPARED:
        if store.columns(table) is not None:
            written(store, table, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
