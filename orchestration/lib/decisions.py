"""The book of decisions on identity, ``ops.identity_decisions``: what people decided that the links do not say.

A row is added for each decision and never changed; an undo is a row too. The next build applies what the book says.
Times are naive UTC. Raises DecisionError for what cannot be decided, in one sentence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from orchestration.errors import CommandError
from warehouse.base import TableName, Warehouse

BOOK = TableName("ops", "identity_decisions")
_TEXT = (
    "decision_id", "kind", "record_key_a", "record_key_b", "identifier_type", "identifier_value", "undoes",
    "allows", "why", "decided_by",
)  # fmt: skip
_STRING: pa.DataType = pa.string()
_MOMENT: pa.DataType = pa.timestamp("us")
SCHEMA = pa.schema({**dict.fromkeys(_TEXT, _STRING), "decided_at": _MOMENT})


class DecisionError(CommandError):
    """The decision is not recorded: it speaks of something unknown, or contradicts another one."""


@dataclass(frozen=True)
class Decision:
    """A row of the book; ``kind`` is cut, join, block, approve or undo."""

    decision_id: str
    kind: str
    record_key_a: str | None
    record_key_b: str | None
    identifier_type: str | None
    identifier_value: str | None
    undoes: str | None
    allows: str | None
    why: str
    decided_by: str
    decided_at: datetime

    @property
    def says(self) -> str:
        """What it decides, in a few words."""
        if self.kind == "block":
            return f"{self.identifier_type} {self.identifier_value} ties nobody"
        if self.kind == "undo":
            return f"{self.undoes} is undone"
        if self.kind == "approve":
            seen = ", ".join(f"{name} {number:,}" for name, number in json.loads(self.allows or "{}").items())
            return f"the graph with {seen} is published"
        word = "is not" if self.kind == "cut" else "is"
        return f"{self.record_key_a} {word} {self.record_key_b}"


@dataclass(frozen=True)
class Maker:
    """Who decides, why, and when."""

    by: str
    why: str
    at: datetime

    def __post_init__(self) -> None:
        """Raises DecisionError when the reason or the name is blank."""
        if not self.why.strip() or not self.by.strip():
            raise DecisionError("A decision needs a reason (--why) and somebody who made it (--by).")


def listed(warehouse: Warehouse) -> list[Decision]:
    """All rows of the book, the oldest first."""
    if warehouse.columns(BOOK) is None:
        return []
    columns = ", ".join(warehouse.quoted(name) for name in SCHEMA.names)
    found = warehouse.query(
        f"select {columns} from {warehouse.relation(BOOK)} order by decided_at nulls first, decision_id"
    )
    return [Decision(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]


def active(decisions: Iterable[Decision]) -> list[Decision]:
    """Decisions that are not undone."""
    rows = list(decisions)
    undone = {row.undoes for row in rows if row.kind == "undo"}
    return [row for row in rows if row.kind != "undo" and row.decision_id not in undone]


def cut(warehouse: Warehouse, identity: str, a: str, b: str, maker: Maker) -> Decision:
    """Keep two records apart: what ties both alike stays with ``a``. ``identity`` is the schema of the graph."""
    for record in (a, b):
        if not _is_record(warehouse, identity, record):
            raise DecisionError(
                f"{record} is no record: a cut goes between two record keys of {identity}.customer_xref."
            )
    if a == b:
        raise DecisionError("A record cannot be cut from itself.")
    standing = active(listed(warehouse))
    if path := _joined_by(standing, a, b):
        raise DecisionError(f"{a} and {b} were joined by {', '.join(path)}: undo that first.")
    return _decide(warehouse, standing, "cut", maker, record_key_a=a, record_key_b=b)


def join(warehouse: Warehouse, identity: str, a: str, b: str, maker: Maker) -> Decision:
    """Tie two records, or the customers with these ids."""
    first, second = (_record_of(warehouse, identity, name) for name in (a, b))
    if first == second:
        raise DecisionError(f"{a} and {b} are the same customer already, by one record.")
    standing = active(listed(warehouse))
    for row in standing:
        if row.kind == "cut" and _joined_by(standing, row.record_key_a, row.record_key_b, (first, second)):
            raise DecisionError(
                f"{row.record_key_a} and {row.record_key_b} were cut by {row.decision_id}, and this would join them:"
                " undo that first."
            )
    return _decide(warehouse, standing, "join", maker, record_key_a=first, record_key_b=second)


def block(warehouse: Warehouse, types: Iterable[str], kind: str, value: str, maker: Maker) -> Decision:
    """Let a value tie nobody; ``types`` are those there are. It need not be seen yet."""
    known = sorted(types)
    if kind not in known:
        raise DecisionError(f"{kind} is no type of identifiers; there are {', '.join(known)}.")
    if not value.strip():
        raise DecisionError("A blank value ties nobody as it is.")
    standing = active(listed(warehouse))
    return _decide(warehouse, standing, "block", maker, identifier_type=kind, identifier_value=value.strip().lower())


def undo(warehouse: Warehouse, decision_id: str, maker: Maker) -> Decision:
    """Take a decision back; its row stays."""
    rows = listed(warehouse)
    target = next((row for row in rows if row.decision_id == decision_id), None)
    if target is None:
        raise DecisionError(f"{decision_id}: no such decision; see `braid identity decisions --all`.")
    if target.kind == "undo":
        raise DecisionError(f"{decision_id} is an undo itself: decide anew what it took back.")
    if target not in active(rows):
        raise DecisionError(f"{decision_id} is undone already.")
    return _decide(warehouse, [], "undo", maker, undoes=decision_id)


def approve(warehouse: Warehouse, allows: str, maker: Maker) -> Decision:
    """Let a graph through that measures what ``allows`` says (JSON of measure and number)."""
    return _decide(warehouse, [], "approve", maker, allows=allows)


def carriers(warehouse: Warehouse, identity: str, kind: str, value: str) -> int:
    """How many records carry a value, in any spelling that a block of it would meet."""
    table = built(warehouse, TableName(identity, "int_identity__identifiers"))
    found = warehouse.query(
        f"select count(distinct record_key) as n from {table} where identifier_type = ?"
        " and (lower(identifier_value) = ? or lower(written_value) = ?)",
        [kind, value.strip().lower(), value.strip().lower()],
    )
    return int(found.column(0)[0].as_py())


def identity_schema(project: Path) -> str:
    """Schema of the graph's tables in the dbt project in ``project``."""
    import yaml

    variables = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")).get("vars") or {}
    return f"{variables.get('schema_prefix') or ''}identity"


def _decide(warehouse: Warehouse, standing: Iterable[Decision], kind: str, maker: Maker, **words: str) -> Decision:
    fields: dict[str, str | None] = dict.fromkeys(_TEXT[2:8])
    row = Decision(
        decision_id="",
        kind=kind,
        **{**fields, **words},
        why=maker.why.strip(),
        decided_by=maker.by.strip(),
        decided_at=maker.at,
    )
    for other in standing:
        if other.kind == kind and other.says == row.says:
            raise DecisionError(f"That is decided already, by {other.decision_id}: {other.why}")
    # Two of one moment differ in what they say; a second undo of one decision is refused above.
    said = f"{row.kind}|{row.says}|{row.decided_at.isoformat()}|{row.decided_by}|{row.why}"
    row = replace(row, decision_id=hashlib.sha256(said.encode()).hexdigest()[:12])
    warehouse.ensure_table(BOOK, SCHEMA)
    book = pa.Table.from_pylist([asdict(row)], schema=SCHEMA)
    with warehouse.stage(book, constants={}) as staged, warehouse.transaction():
        warehouse.append(BOOK, staged, unless_key=["decision_id"])
    return row


def _is_record(warehouse: Warehouse, identity: str, record: str) -> bool:
    table = built(warehouse, TableName(identity, "int_identity__records"))
    return bool(warehouse.query(f"select 1 as one from {table} where record_key = ? limit 1", [record]).num_rows)


def _record_of(warehouse: Warehouse, identity: str, name: str) -> str:
    """The record itself, or the one that the customer with this id goes by."""
    if _is_record(warehouse, identity, name):
        return name
    lookup = built(warehouse, TableName(identity, "customer_id_lookup"))
    found = warehouse.query(
        f"select living.anchor_record_key as record_key from {lookup} as named inner join {lookup} as living"
        " on named.living_customer_id = living.customer_id where named.customer_id = ?",
        [name],
    )
    if not found.num_rows:
        raise DecisionError(f"{name} is neither a record nor a customer; see {identity}.customer_xref.")
    return str(found.column(0)[0].as_py())


def built(warehouse: Warehouse, table: TableName) -> str:
    """The relation of a model. Raises DecisionError before the first build."""
    if warehouse.columns(table) is None:
        raise DecisionError("Identity is not built yet: run `braid build` first.")
    return warehouse.relation(table)


def _joined_by(
    standing: Iterable[Decision], start: str | None, end: str | None, more: tuple[str, str] | None = None
) -> list[str]:
    """Ids of the joins on a shortest way between two records, were ``more`` joined too; empty when there is none."""
    ties = [(row.record_key_a, row.record_key_b, row.decision_id) for row in standing if row.kind == "join"]
    ties += [(*more, "this one")] if more else []
    ways: dict[str | None, list[tuple[str | None, str]]] = {}
    for a, b, decision_id in ties:
        ways.setdefault(a, []).append((b, decision_id))
        ways.setdefault(b, []).append((a, decision_id))
    reached: dict[str | None, list[str]] = {start: []}
    todo = [start]
    for record in todo:
        for neighbour, decision_id in ways.get(record, []):
            if neighbour not in reached:
                reached[neighbour] = [*reached[record], decision_id]
                todo.append(neighbour)
    return reached.get(end, [])
