"""What matching learns from the warehouse's own records, published as one version of four books in ``ops``.

Records are read as they stand in ``int_identity__persons``, a seeded sample when there are many; Splink and the rounds
after it run here, on DuckDB in memory. Nothing is written unless all of it was learnt. Times are naive UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from contracts.matching import Matching, read
from matching import MatchingError
from matching.evaluation import load_nicknames
from matching.keys import PERSON_COLUMNS, matching_keys
from matching.pipeline import Learnt, learn
from matching.rendering import contract_version
from warehouse.base import TableName, Warehouse

_STRING: pa.DataType = pa.string()
_BIGINT: pa.DataType = pa.int64()
_DOUBLE: pa.DataType = pa.float64()
_MOMENT: pa.DataType = pa.timestamp("us")
MODELS = TableName("ops", "match_models")
WEIGHTS = TableName("ops", "match_weights")
FREQUENCIES = TableName("ops", "term_frequencies")
RULES = TableName("ops", "match_rules")
SCHEMAS: dict[TableName, pa.Schema] = {
    MODELS: pa.schema(
        {
            "model_version": _STRING,
            "contract_version": _STRING,
            "number_of_records": _BIGINT,
            "link_weight": _DOUBLE,
            "review_weight": _DOUBLE,
            "trained_at": _MOMENT,
        }
    ),
    WEIGHTS: pa.schema(
        {
            "model_version": _STRING,
            "comparison_name": _STRING,
            "comparison_level": _BIGINT,
            "level_label": _STRING,
            "m_probability": _DOUBLE,
            "u_probability": _DOUBLE,
            "h_probability": _DOUBLE,
            "n_probability": _DOUBLE,
            "match_weight": _DOUBLE,
            "household_weight": _DOUBLE,
            "namesake_weight": _DOUBLE,
            "term_frequency_column": _STRING,
            "term_frequency_weight": _DOUBLE,
        }
    ),
    FREQUENCIES: pa.schema(
        {"model_version": _STRING, "column_name": _STRING, "term": _STRING, "term_frequency": _DOUBLE}
    ),
    RULES: pa.schema({"model_version": _STRING, "rule_name": _STRING, "number_of_pairs": _BIGINT, "verdict": _STRING}),
}


@dataclass(frozen=True)
class Trained:
    """A version, the model that was learnt from ``pairs`` of records, and how many rows its books got."""

    version: str
    learnt: Learnt
    pairs: int
    weights: int
    frequencies: int
    rules: int


def train(
    opened: Callable[[], AbstractContextManager[Warehouse]],
    identity: str,
    at: datetime,
    contract: Matching | None = None,
) -> Trained:
    """Learn from the records of the schema ``identity`` and publish a version. Raises MatchingError.

    ``opened`` gives the warehouse twice, to read and to write: while Splink works, nobody waits for it.
    """
    matching = contract or read()
    with opened() as warehouse:
        persons, everybody = _persons(warehouse, TableName(identity, "int_identity__persons"), matching)
    with duckdb.connect() as connection:
        connection.register("persons", persons)
        load_nicknames(connection)
        keys = matching_keys("persons", "nicknames", "duckdb")
        connection.execute(f"create table matching_keys as {keys}")
        connection.unregister("persons")
        learnt = learn(connection, matching, share=persons.num_rows / max(everybody, 1) or 1.0)
        ((pairs,),) = connection.execute("select count(*) from compared").fetchall()
        tables = _tables(connection, learnt, matching, at)
    with opened() as warehouse:
        _publish(warehouse, tables)
    version = str(tables[MODELS]["model_version"][0].as_py())
    weights, frequencies, rules = (tables[name].num_rows for name in (WEIGHTS, FREQUENCIES, RULES))
    return Trained(version, learnt, int(pairs), weights, frequencies, rules)


def rule_verdicts(learnt: Learnt) -> list[tuple[str, int, str]]:
    """Name, pairs and verdict (used, spare or refused) of each rule that was measured, the cheapest first."""
    used = {rule.name for rule in learnt.model.blocking}
    return [
        (item.rule.name, item.pairs, "refused" if item.refused else "used" if item.rule.name in used else "spare")
        for item in learnt.rules
    ]


def _persons(warehouse: Warehouse, table: TableName, matching: Matching) -> tuple[pa.Table, int]:
    """The records to learn from, and how many there are in all."""
    if warehouse.columns(table) is None:
        raise MatchingError(
            "Identity is not built yet, so there are no records to learn from: run `braid build` first."
        )
    # Which records are taken follows from their keys alone: the same ones each time, in whatever order they lie.
    found = warehouse.query(
        f"select record_key, {', '.join(PERSON_COLUMNS)} from {warehouse.relation(table)} "
        f"order by md5(record_key || '{matching.seed}'), record_key limit {matching.records}"
    )
    everybody = warehouse.query(f"select count(*) from {warehouse.relation(table)}").column(0)[0].as_py()
    text = pa.schema(dict.fromkeys(("record_key", *PERSON_COLUMNS), _STRING))
    return pa.table([column.cast(_STRING) for column in found.columns], schema=text), int(everybody)


def _tables(
    connection: duckdb.DuckDBPyConnection, learnt: Learnt, matching: Matching, at: datetime
) -> dict[TableName, pa.Table]:
    weights = list(learnt.model.weight_rows(""))
    said = f"{at.isoformat()}|{contract_version(matching)}|{weights}|{learnt.model.link}|{learnt.model.review}"
    version = f"{at:%Y%m%d%H%M%S}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    model = (version, contract_version(matching), learnt.records, learnt.model.link, learnt.model.review, at)
    frequencies = connection.execute(
        "select column_name, term, term_frequency from term_frequencies order by column_name, term"
    ).fetchall()
    return {
        MODELS: _table(MODELS, [model]),
        WEIGHTS: _table(WEIGHTS, [(version, *row[1:]) for row in weights]),
        FREQUENCIES: _table(FREQUENCIES, [(version, *row) for row in frequencies]),
        RULES: _table(RULES, [(version, *row) for row in rule_verdicts(learnt)]),
    }


def _table(name: TableName, rows: list[tuple[object, ...]]) -> pa.Table:
    schema = SCHEMAS[name]
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    return pa.table(
        [pa.array(list(column), type=kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )


def _publish(warehouse: Warehouse, tables: dict[TableName, pa.Table]) -> None:
    """All four books or none; frequencies of older versions go, for they are names and addresses nobody needs."""
    for name, table in tables.items():
        warehouse.ensure_table(name, table.schema)
    stages = {name: warehouse.stage(table, constants={}) for name, table in tables.items()}
    with (
        stages[MODELS] as models,
        stages[WEIGHTS] as weights,
        stages[FREQUENCIES] as frequencies,
        stages[RULES] as rules,
        warehouse.transaction(),
    ):
        warehouse.execute(f"delete from {warehouse.relation(FREQUENCIES)}")
        # Deleting comes first: a warehouse that lets two trainings write at once makes the second one wait for it.
        _refuse_an_older_one(warehouse, tables[MODELS])
        for name, staged in ((WEIGHTS, weights), (FREQUENCIES, frequencies), (RULES, rules), (MODELS, models)):
            warehouse.append(name, staged)


def _refuse_an_older_one(warehouse: Warehouse, trained: pa.Table) -> None:
    """Raises MatchingError when a later training published first: frequencies are kept of the newest version alone."""
    found = warehouse.query(
        f"select trained_at, model_version from {warehouse.relation(MODELS)}"
        " order by trained_at desc, model_version desc limit 1"
    )
    newest = [column.to_pylist() for column in found.columns]
    ours = (trained["trained_at"][0].as_py(), trained["model_version"][0].as_py())
    if newest[0] and (newest[0][0], newest[1][0]) > ours:
        raise MatchingError(
            f"Version {newest[1][0]} of the weights was trained meanwhile and is newer, so this one was not kept: "
            "build with that one, or run `braid identity train` again."
        )
