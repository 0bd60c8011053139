"""The gate of identity as a build left it: what the new graph would change, and whether it waits for somebody.

Reads what dbt built, and dbt's own report of a build. Raises DecisionError in one sentence where identity is not built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestration.lib import decisions
from warehouse.base import TableName, Warehouse

# The one test that a graph over its limits fails, and the report's words for nodes that are not green.
_TEST = "test.braid.assert_the_gate_lets_the_graph_through"
_RED = frozenset({"error", "fail", "runtime error", "skipped", "partial success"})


@dataclass(frozen=True)
class Measure:
    """What the graph measures; ``most`` is the limit, as an approval raises it."""

    measure: str
    measured: int
    most: int
    is_over: bool


@dataclass(frozen=True)
class Change:
    """A row of identity_diff."""

    change_type: str
    customer_id: str | None
    number_of_customers: int | None
    records_before: int | None
    records_after: int | None
    identifier_type: str | None
    identifier_value: str | None
    number_of_records: int | None
    why: str | None
    is_over: bool

    @property
    def identifier(self) -> str | None:
        """The value that does it."""
        return None if self.identifier_type is None else f"{self.identifier_type} {self.identifier_value}"


@dataclass(frozen=True)
class Diff:
    """The last build's graph against the one before it; ``changes`` are the first of ``number_of_changes``."""

    measures: tuple[Measure, ...]
    changes: tuple[Change, ...]
    number_of_changes: int
    approved_by: str | None

    @property
    def is_held(self) -> bool:
        """Whether the last build did not publish its graph."""
        return any(measure.is_over for measure in self.measures)


@dataclass(frozen=True)
class Held:
    """A graph that waits: since which moment (naive UTC) the published one stands still, and what is over its limit."""

    since: datetime | None
    over: tuple[Measure, ...]
    approved_by: str | None

    @property
    def why(self) -> str:
        """In a line, without anybody's data: `customers_in_one 15, limit 6`."""
        return "; ".join(f"{one.measure} {one.measured:,}, limit {one.most:,}" for one in self.over)

    @property
    def remedy(self) -> str:
        """What to do now."""
        if self.approved_by is not None:
            return f"approved by {self.approved_by}, and published by the next `braid build`"
        return "see `braid identity diff`, then correct it or `braid identity approve`"


def held(warehouse: Warehouse, identity: str) -> Held | None:
    """The graph that waits after the last build; None where it was published, or identity is not built."""
    if warehouse.columns(TableName(identity, "identity_gate")) is None:
        return None
    over = tuple(measure for measure in _measures(warehouse, identity) if measure.is_over)
    if not over:
        return None
    builds = decisions.built(warehouse, TableName(identity, "identity_builds"))
    since = warehouse.query(f"select max(built_at) as since from {builds}").column(0)[0].as_py()
    return Held(since, over, _waiting_approval(warehouse, identity))


def told(waiting: Held | None) -> str:
    """To whoever ran the build that is red for it alone."""
    why = f" ({waiting.why})" if waiting is not None else ""
    return (
        f"the new identity graph changes more than the gate allows{why}, so marts and the serving copy have today's "
        "facts on the graph published before; see `braid identity diff`, then correct it or `braid identity approve`."
    )


def read(warehouse: Warehouse, identity: str, limit: int = 20) -> Diff:
    """The gate and at most ``limit`` changes, those that hold the graph first. ``identity`` is the graph's schema."""
    measures = _measures(warehouse, identity)
    table = decisions.built(warehouse, TableName(identity, "identity_diff"))
    found = warehouse.query(
        "select change_type, customer_id, number_of_customers, records_before, records_after, identifier_type,"
        " identifier_value, number_of_records, why, is_over"
        f" from {table} order by case when is_over then 0 else 1 end,"
        " case change_type when 'merged' then 1 when 'split' then 2 when 'over_limit' then 3 when 'grown' then 4 end"
        " nulls last,"
        " number_of_customers desc nulls last, number_of_records desc nulls last, records_after desc nulls last,"
        f" customer_id nulls last, identifier_type, identifier_value limit {int(limit)}"
    )
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    every = warehouse.query(f"select count(*) as n from {table}").column(0)[0].as_py()
    return Diff(measures, tuple(Change(*row) for row in rows), int(every), _waiting_approval(warehouse, identity))


def approve(warehouse: Warehouse, identity: str, maker: decisions.Maker) -> decisions.Decision:
    """Record that the graph of the last build may be published. Raises DecisionError when nothing waits."""
    over = {one.measure: one.measured for one in _measures(warehouse, identity) if one.is_over}
    if not over:
        raise decisions.DecisionError("Nothing waits for approval: the last build published its graph.")
    if approved := _waiting_approval(warehouse, identity):
        raise decisions.DecisionError(f"That is approved already, by {approved}: the next `braid build` publishes it.")
    return decisions.approve(warehouse, json.dumps(over, sort_keys=True), maker)


def alone_failed(report: Path) -> bool:
    """Whether everything in a build's ``run_results.json`` is green but the gate's test."""
    if not report.is_file():
        return False
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return [result["unique_id"] for result in results if result["status"] in _RED] == [_TEST]


def _measures(warehouse: Warehouse, identity: str) -> tuple[Measure, ...]:
    table = decisions.built(warehouse, TableName(identity, "identity_gate"))
    found = warehouse.query(
        f"select measure, measured, greatest(most, coalesce(approved_most, 0)) as most, is_over from {table} order by 1"
    )
    return tuple(Measure(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True))


def _waiting_approval(warehouse: Warehouse, identity: str) -> str | None:
    """Id of the newest approval that no published graph has spent."""
    builds = decisions.built(warehouse, TableName(identity, "identity_builds"))
    found = warehouse.query(
        f"select coalesce(max(number_of_decisions), 0) as n from {builds}"
        f" where build_number = (select max(build_number) from {builds})"
    )
    known = int(found.column(0)[0].as_py())
    rows = decisions.listed(warehouse)
    standing = decisions.active(rows)
    waiting = [row for row in rows[known:] if row.kind == "approve" and row in standing]
    return waiting[-1].decision_id if waiting else None
