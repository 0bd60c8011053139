"""Identifier values that tie nobody, as the last build found them.

Raises DecisionError in one sentence where identity is not built.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.lib import decisions
from warehouse.base import TableName, Warehouse

STATUSES = ("over_limit", "blocked", "malformed")


@dataclass(frozen=True)
class Flagged:
    """A row of identity_flagged_identifiers."""

    identifier_type: str
    identifier_value: str
    identifier_status: str
    why: str
    number_of_records: int
    number_of_customers: int
    example_record_key: str


@dataclass(frozen=True)
class Found:
    """The first of all values that were asked for, and how many there are of each status."""

    values: tuple[Flagged, ...]
    counts: dict[str, int]


def read(warehouse: Warehouse, identity: str, status: str | None, kind: str | None, limit: int) -> Found:
    """At most ``limit`` values, those of most customers first. ``identity`` is the graph's schema; None is any."""
    table = decisions.built(warehouse, TableName(identity, "identity_flagged_identifiers"))
    where = "where (? is null or identifier_status = ?) and (? is null or identifier_type = ?)"
    asked = [status, status, kind, kind]
    rows = warehouse.query(
        "select identifier_type, identifier_value, identifier_status, why, number_of_records, number_of_customers,"
        f" example_record_key from {table} {where}"
        " order by number_of_customers desc, number_of_records desc, identifier_type asc, identifier_value asc"
        f" limit {int(limit)}",
        asked,
    )
    counts = warehouse.query(
        f"select identifier_status, count(*) as n from {table} {where} group by identifier_status", asked
    )
    number_of = dict(zip(*(column.to_pylist() for column in counts.columns), strict=True))
    return Found(
        values=tuple(Flagged(*row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)),
        counts={name: int(number_of[name]) for name in STATUSES if name in number_of},
    )
