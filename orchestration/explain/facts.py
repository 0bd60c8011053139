"""What the warehouse holds on one or two customers, read in a few queries. Times are naive UTC.

Raises NotExplained, in one sentence, for a name that is neither a record nor a customer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestration.errors import CommandError
from orchestration.explain.ties import Link
from warehouse.base import TableName

if TYPE_CHECKING:
    from warehouse.base import Warehouse

# Records of one question whose keys are written into the queries.
_MOST_WRITTEN = 500


class NotExplained(CommandError):
    """There is nothing to explain: the name is not known, or identity is not built."""


@dataclass(frozen=True)
class Named:
    """Who an argument stands for: ``record_key`` is the record itself, or the one that the customer's id goes by."""

    name: str
    is_record: bool
    customer_id: str
    record_key: str


@dataclass(frozen=True)
class Record:
    """A record of a customer."""

    customer_id: str
    record_key: str
    record_source: str | None
    name: str | None
    created_at: datetime | None
    is_deleted: bool | None
    member_since: datetime


@dataclass(frozen=True)
class Offer:
    """A value that a record offers for a golden field; ``place`` 1 is the one that survives."""

    customer_id: str
    field: str
    value: str
    record_key: str
    rule: str
    frequency: int
    trust_rank: int
    updated_at: datetime | None
    place: int


@dataclass(frozen=True)
class Unusable:
    """A value on a record that ties nobody, and why."""

    record_key: str
    identifier_type: str
    value: str
    status: str
    why: str | None


@dataclass(frozen=True)
class Decided:
    """A cut or join that stands."""

    decision_id: str
    kind: str
    record_a: str
    record_b: str
    why: str
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True)
class Change:
    """What happened to an id that is ``living_customer_id`` today: minted, split, merged, restored, closed."""

    living_customer_id: str
    customer_id: str
    change_type: str
    other_customer_id: str | None
    cause: str
    decision_id: str | None
    changed_at: datetime


@dataclass(frozen=True)
class Facts:
    """All of it, in total orders."""

    records: list[Record]
    links: list[Link]
    seen: dict[tuple[str, str, str], datetime]
    offers: list[Offer]
    unusable: list[Unusable]
    decisions: list[Decided]
    changes: list[Change]
    is_held: bool


class Reader:
    """Identity's tables in one warehouse."""

    def __init__(self, warehouse: Warehouse, schema: str) -> None:
        """``schema`` is that of identity's models. Raises NotExplained when they are not built."""
        self._warehouse = warehouse
        self._schema = schema
        for name in ("customer_xref", "customer_ids", "int_identity__sightings"):
            if warehouse.columns(TableName(schema, name)) is None:
                raise NotExplained(f"{schema}.{name} is not built yet: run `braid build` first.")

    def named(self, name: str) -> Named:
        """The record or customer with this name; an id that was merged away is the customer it went into."""
        found = self._rows(
            f"select customer_id from {self._table('customer_xref_current')} where record_key = ?", [name]
        )
        if found:
            return Named(name, True, found[0][0], name)
        found = self._rows(
            f"select living_customer_id, anchor_record_key from {self._table('customer_id_lookup')}"
            " where customer_id = ?",
            [name],
        )
        if not found:
            raise NotExplained(self._unknown(name))
        living, anchor = found[0]
        if living is None:
            raise NotExplained(f"{name} is closed: all its records are gone from their sources.")
        return Named(name, False, living, anchor)

    def anchor(self, customer_id: str) -> tuple[str, datetime]:
        """The record that a living customer's id goes by, and when the id was issued."""
        ((anchor, issued_at),) = self._rows(
            f"select anchor_record_key, issued_at from {self._table('customer_id_lookup')} where customer_id = ?",
            [customer_id],
        )
        return anchor, issued_at

    def facts(self, customers: Sequence[str]) -> Facts:
        """Everything on these customers."""
        marks = _marks(customers)
        xref = self._table("customer_xref_current")
        records = self._rows(
            "select xref.customer_id, xref.record_key, records.record_source,"
            " nullif(trim(coalesce(records.given_name, '') || ' ' || coalesce(records.family_name, '')), ''),"
            f" records.created_at, records.is_deleted, xref.valid_from from {xref} as xref"
            f" left join {self._table('int_identity__records')} as records on xref.record_key = records.record_key"
            f" where xref.customer_id in ({marks}) order by xref.record_key",
            customers,
        )
        # Keys that are written down are found at once; a subquery would be joined with all there is.
        few = len(records) <= _MOST_WRITTEN
        keys: Sequence[object] = [row[1] for row in records] if few else customers
        theirs = f"({_marks(keys) if few else f'select record_key from {xref} where customer_id in ({marks})'})"
        twice = [*keys, *keys]
        links = self._rows(
            "select record_key_a, record_key_b, link_rule, evidence, score, rule_priority"
            f" from {self._table('int_identity__decided_links')}"
            f" where record_key_a in {theirs} and record_key_b in {theirs} order by 1, 2, 3, 4",
            twice,
        )
        seen = self._rows(
            "select record_key, link_rule, evidence, first_seen_at"
            f" from {self._table('int_identity__sightings')} where record_key in {theirs}",
            keys,
        )
        offers = self._rows(
            "select customer_id, field, field_value, record_key, survivorship_rule, frequency, trust_rank, updated_at,"
            f" survivorship_rank from {self._table('int_identity__ranked_values')} where customer_id in ({marks})"
            " order by customer_id, field, survivorship_rank",
            customers,
        )
        unusable = self._rows(
            "select record_key, identifier_type, identifier_value, identifier_status, why"
            f" from {self._table('int_identity__identifiers')}"
            f" where identifier_status <> 'usable' and record_key in {theirs} order by 2, 3, 1",
            keys,
        )
        decisions = self._rows(
            "select decision_id, kind, record_key_a, record_key_b, why, decided_by, decided_at"
            f" from {self._table('int_identity__decisions')}"
            f" where is_active and kind in ('cut', 'join') and (record_key_a in {theirs} or record_key_b in {theirs})"
            " order by decision_number",
            twice,
        )
        held = self._rows(f"select count(*) from {self._table('identity_gate')} where is_over", [])
        return Facts(
            records=[Record(*row) for row in records],
            links=[Link(*row) for row in links],
            seen={(record, rule, evidence): moment for record, rule, evidence, moment in seen},
            offers=[Offer(*row) for row in offers],
            unusable=[Unusable(*row) for row in unusable],
            decisions=[Decided(*row) for row in decisions],
            changes=[change for customer in customers for change in self._changes(customer)],
            is_held=held[0][0] > 0,
        )

    def _changes(self, customer_id: str) -> list[Change]:
        """What became of every id that is this customer today, the oldest change first."""
        ids = self._table("customer_ids")
        ever = self._rows(
            f"select distinct customer_id from {ids} where change_type = 'merged' and other_customer_id = ?",
            [customer_id],
        )
        names = [customer_id, *(row[0] for row in ever)]
        rows = self._rows(
            "select customer_id, change_type, other_customer_id, cause, decision_id, changed_at"
            f" from {ids} where change_type <> 'moved' and customer_id in ({_marks(names)})"
            " order by change_number, customer_id",
            names,
        )
        # An id's newest change names whom it leads to today: some were given back since.
        newest = {row[0]: (row[1], row[2]) for row in rows}
        here = {customer_id} | {name for name, change in newest.items() if change == ("merged", customer_id)}
        return [Change(customer_id, *row) for row in rows if row[0] in here]

    def _unknown(self, name: str) -> str:
        before = self._rows(
            f"select customer_id, valid_to from {self._table('customer_xref')} where record_key = ?"
            " order by valid_from desc limit 1",
            [name],
        )
        if before:
            customer, gone_at = before[0]
            return f"{name} was a record of {customer} until {gone_at:%Y-%m-%d %H:%M}, and is gone from its source."
        records = self._table("int_identity__records")
        if self._rows(f"select 1 from {records} where record_key = ?", [name]):
            return f"{name} is a record of the graph that the gate holds: see `braid identity diff`."
        alike = self._rows(
            f"select record_key from {records} where record_id = ? or lower(email) = ? order by 1 limit 4",
            [name, name.lower()],
        )
        if alike:
            return f"{name} is no record key; is it one of {', '.join(row[0] for row in alike)}?"
        return (
            f"{name} is neither a record nor a customer: records are named as in {self._schema}.customer_xref"
            " (salesforce:contact:0035g00000AbCdE)."
        )

    def _table(self, name: str) -> str:
        return self._warehouse.relation(TableName(self._schema, name))

    def _rows(self, sql: str, params: Sequence[object]) -> list[tuple[Any, ...]]:
        found = self._warehouse.query(sql, list(params))
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" for _ in values)
