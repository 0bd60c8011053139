"""From keys to clusters on DuckDB, with the SQL that the warehouse runs: learn, block, score, decide, cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from contracts.matching import Matching
from matching import clusters
from matching.blocking import Measured, allowed, measured, worthwhile
from matching.decision import thresholds
from matching.frequencies import term_frequencies
from matching.model import WEIGHT_COLUMNS, Model, frequency_columns
from matching.rounds import refine
from matching.scores import candidate_pairs, compared_pairs, weighed_pairs
from matching.training import train

VERSION = "trained"


@dataclass(frozen=True)
class Learnt:
    """A model, the rules that were tried for it, and how many records taught it."""

    model: Model
    rules: tuple[Measured, ...]
    records: int


def learn(
    connection: duckdb.DuckDBPyConnection, matching: Matching, keys: str = "matching_keys", share: float = 1.0
) -> Learnt:
    """A model of the table ``keys``; leaves ``match_weights``, ``term_frequencies`` and the ``weighed`` pairs behind.

    ``share`` is how much of all records the table is: blocking is chosen for all of them.

    Raises MatchingError when the records cannot teach.
    """
    model = train(connection, keys, matching)
    rules = measured(connection, keys, matching, share)
    blocking = allowed(rules)
    _table(connection, "candidates", candidate_pairs(keys, blocking))
    columns = frequency_columns(model.comparisons)
    _table(connection, "term_frequencies", term_frequencies(keys, columns, VERSION))
    _table(
        connection,
        "compared",
        compared_pairs(keys, "candidates", "term_frequencies", model.comparisons, "duckdb"),
    )
    ((records,),) = connection.execute(f"select count(*) from {keys}").fetchall()
    sample, share = _sample(connection, matching)
    model = refine(connection, sample, share * records * (records - 1) / 2, model)
    weigh(connection, model)
    link, review = thresholds(connection, "weighed", matching)
    chosen = worthwhile(connection, "weighed", blocking, matching)
    return Learnt(replace(model, blocking=chosen, link=link, review=review), tuple(rules), int(records))


def weigh(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """The tables ``match_weights`` and ``weighed`` anew, from ``compared``.

    Raises MatchingError for an untrained level.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in WEIGHT_COLUMNS.items())
    connection.execute(f"create or replace table match_weights ({columns})")
    places = ", ".join("?" for _ in WEIGHT_COLUMNS)
    connection.executemany(f"insert into match_weights values ({places})", list(model.weight_rows(VERSION)))
    _table(connection, "weighed", weighed_pairs("compared", "match_weights", model.comparisons))


def cluster(connection: duckdb.DuckDBPyConnection, threshold: float, keys: str = "matching_keys") -> str:
    """Cluster the ``weighed`` pairs; the name of the table with ``record_key`` and ``cluster_key``."""

    def names(name: str) -> str:
        return f"cluster_{name}"

    for name, query in clusters.start("weighed", keys, repr(threshold), names):
        _table(connection, name, query)
    number = 0
    while True:
        number += 1
        for name, query in clusters.round_of(number, repr(threshold), names):
            _table(connection, name, query)
        ((joined,),) = connection.execute(f"select count(*) from {names(f'joined_{number}')}").fetchall()
        for name in ("sizes", "scored", "joined"):
            connection.execute(f"drop table {names(f'{name}_{number}')}")
        connection.execute(f"drop table {names(f'clusters_{number - 1}')}")
        connection.execute(f"drop table {names(f'edges_{number - 1}')}")
        if not joined:
            return names(f"clusters_{number}")


def _sample(connection: duckdb.DuckDBPyConnection, matching: Matching) -> tuple[str, float]:
    """The compared pairs that the rounds look at, and their share of all: those of a seeded part of the records."""
    ((pairs,),) = connection.execute("select count(*) from compared").fetchall()
    if pairs <= matching.pairs_compared:
        return "compared", 1.0
    parts = 1000
    kept = max(1, parts * matching.pairs_compared // pairs)
    _table(
        connection,
        "compared_sample",
        f"select * from compared where hash(record_key_a || '{matching.seed}') % {parts} < {kept}",
    )
    return "compared_sample", kept / parts


def _table(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    connection.execute(f"create or replace table {name} as {query}")
