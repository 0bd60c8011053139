"""How right the shipped configuration is on records whose truth is known.

Pairwise figures count pairs of records in one cluster; B-cubed figures are means over records, so that one large
cluster does not outweigh the many small ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from contracts.matching import Matching, read
from contracts.nicknames import rows as nicknames
from matching import MatchingError
from matching.keys import matching_keys
from matching.loading import load_persons
from matching.pipeline import Learnt, cluster, learn

# The Febrl data sets say who is who in the id itself: rec-12-org, and its copies rec-12-dup-0, rec-12-dup-1.
_FEBRL = "^(rec-[0-9]+)-(org|dup-[0-9]+)$"


@dataclass(frozen=True)
class Evaluation:
    """Shares are from 0 to 1; ``blocking_recall`` is of the true pairs, those that any rule compares."""

    pairwise_precision: float
    pairwise_recall: float
    pairwise_f1: float
    b3_precision: float
    b3_recall: float
    b3_f1: float
    blocking_recall: float
    clusters: int
    largest_cluster: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Evaluated:
    """The figures, what was learnt for them, and the columns of ours that the files have.

    ``records`` counts all; ``known`` those whose truth is known, the only ones that figures are of. ``repeats`` says
    whether anybody has two of them: without, recall is 1 whatever is linked.
    """

    figures: Evaluation
    learnt: Learnt
    columns: list[str]
    records: int
    known: int
    repeats: bool


def evaluate(
    files: Sequence[Path],
    *,
    truth: str,
    record_id: str | None = None,
    names: Mapping[str, str] | None = None,
    matching: Matching | None = None,
) -> Evaluated:
    """Learn, match and cluster the records of the files, and compare with the column ``truth``.

    ``names`` has their columns by ours. Raises MatchingError for files, columns or records that cannot be matched.
    """
    began = time.monotonic()
    with duckdb.connect() as connection:
        columns = load_persons(connection, files, truth=truth, record_id=record_id, names=names)
        _truth_of_febrl(connection)
        load_nicknames(connection)
        connection.execute(
            f"create or replace table matching_keys as {matching_keys('persons', 'nicknames', 'duckdb')}"
        )
        learnt = learn(connection, matching or read())
        clusters = cluster(connection, learnt.model.link)
        figures = _figures(connection, clusters, time.monotonic() - began)
        ((records, known, persons),) = connection.execute(
            "select count(*), count(truth), count(distinct truth) from persons"
        ).fetchall()
    return Evaluated(figures, learnt, columns, int(records), int(known), known > persons)


def load_nicknames(connection: duckdb.DuckDBPyConnection) -> None:
    """The table ``nicknames`` from contracts/nicknames.yml."""
    connection.execute("create or replace table nicknames (name varchar, root varchar)")
    connection.executemany("insert into nicknames values (?, ?)", [list(row) for row in nicknames()])


def _truth_of_febrl(connection: duckdb.DuckDBPyConnection) -> None:
    known = connection.execute("select truth from persons where truth is not null").fetchall()
    if not known:
        raise MatchingError("The truth column is empty; name the column that is equal for records of one person.")
    values = [str(value) for (value,) in known]
    if len(set(values)) == len(values) and all(re.match(_FEBRL, value) for value in values):
        connection.execute(f"update persons set truth = regexp_extract(truth, '{_FEBRL}', 1)")


def _figures(connection: duckdb.DuckDBPyConnection, clusters: str, seconds: float) -> Evaluation:
    # A record whose truth is not known is matched like others, and neither right nor wrong.
    connection.execute(
        "create or replace temp table placed as select record_key, cluster_key, truth from persons "
        f"inner join {clusters} as clusters using (record_key) where truth is not null"
    )
    sizes = (
        "select cluster_key, truth, cast(count(*) as double) as shared, "
        "sum(count(*)) over (partition by cluster_key) as in_cluster, "
        "sum(count(*)) over (partition by truth) as in_truth from placed group by cluster_key, truth"
    )
    ((right, b3_precision, b3_recall),) = connection.execute(
        "select sum(shared * (shared - 1) / 2), sum(shared * shared / in_cluster) / sum(shared), "
        f"sum(shared * shared / in_truth) / sum(shared) from ({sizes}) as sizes"
    ).fetchall()
    made, true = _pairs(connection, "cluster_key"), _pairs(connection, "truth")
    ((number, largest),) = connection.execute(
        f"select count(*), max(n) from (select count(*) as n from {clusters} group by cluster_key) as sizes"
    ).fetchall()
    ((compared,),) = connection.execute(
        "select count(*) from candidates inner join placed as a on record_key_a = a.record_key "
        "inner join placed as b on record_key_b = b.record_key where a.truth = b.truth"
    ).fetchall()
    precision, recall = _share(right, made), _share(right, true)
    return Evaluation(
        pairwise_precision=round(precision, 6),
        pairwise_recall=round(recall, 6),
        pairwise_f1=round(_f1(precision, recall), 6),
        b3_precision=round(b3_precision, 6),
        b3_recall=round(b3_recall, 6),
        b3_f1=round(_f1(b3_precision, b3_recall), 6),
        blocking_recall=round(_share(compared, true), 6),
        clusters=int(number),
        largest_cluster=int(largest),
        seconds=round(seconds, 2),
        peak_mb=round(_peak_mb(), 1),
    )


def _pairs(connection: duckdb.DuckDBPyConnection, column: str) -> float:
    """How many pairs there are when records are grouped by the column."""
    ((pairs,),) = connection.execute(
        f"select sum(n * (n - 1) / 2) from (select count(*) as n from placed group by {column}) as groups"
    ).fetchall()
    return float(pairs)


def _share(part: float, whole: float) -> float:
    """Nothing of nothing is all of it."""
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _peak_mb() -> float:
    """The most memory this process had, in MB."""
    try:
        import resource
    except ImportError:  # Windows has no such count.
        return 0.0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
