"""How well records were put together into people, against the truth: pairwise precision, recall and F1.

A pair is two records; it is true when both belong to one person, predicted when both are in one cluster. Pairs are
never listed: the pairs of a group of n are n(n-1)/2, so counting groups is enough, at any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

NO_NOISE = "no_noise"


@dataclass(frozen=True)
class Pairs:
    """Counts of pairs; shares of an empty count are 1: who claims nothing is not wrong, and nothing was missed."""

    true: int
    predicted: int
    correct: int

    @property
    def precision(self) -> float:
        """The share of predicted pairs that are true."""
        return self.correct / self.predicted if self.predicted else 1.0

    @property
    def recall(self) -> float:
        """The share of true pairs that were predicted."""
        return self.correct / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 0 when both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Score(Pairs):
    """The score of all records, and of the people with each kind of noise.

    ``by_noise`` holds a row a flag of the people table and one for the people with none (``no_noise``). Its true pairs
    are those of these people; its predicted pairs those in which at least one record is one of theirs.
    """

    records: int
    people: int
    clusters: int
    by_noise: Mapping[str, Pairs]


def score(records: pa.Table, clusters: pa.Table, people: pa.Table) -> Score:
    """Compare clusters with the truth.

    ``records`` has record_key and person_id, a row a record; ``clusters`` has record_key and cluster_id, where a record
    that is missing is a cluster of its own and one that the truth does not know is left out; ``people`` has person_id
    and a boolean column a kind of noise.

    Raises ValueError when a record stands in ``records`` or ``clusters`` twice, or a person is not in ``people``.
    """
    noises = [field.name for field in people.schema if pa.types.is_boolean(field.type)]
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.register("records", records.select(["record_key", "person_id"]))
        connection.register("clusters", clusters.select(["record_key", "cluster_id"]))
        connection.register("people", people)
        _refuse(connection, "records", "record_key", "The truth")
        _refuse(connection, "clusters", "record_key", "The clustering")
        _refuse(connection, "people", "person_id", "The list of people")
        connection.execute(_ASSIGNED)
        unknown = connection.execute(
            "select person_id from assigned anti join people using (person_id) order by person_id limit 1"
        ).fetchone()
        if unknown:
            raise ValueError(f"Person {unknown[0]} has records but is not in the list of people.")
        flags = {name: f'"{name}"' for name in noises}
        flags[NO_NOISE] = " and ".join(f'not "{name}"' for name in noises) or "true"
        whole = _pairs(connection, "true")
        by_noise = {name: _pairs(connection, condition) for name, condition in flags.items()}
        counts = connection.execute(
            "select count(*), count(distinct person_id), count(distinct cluster_id) from assigned"
        ).fetchone()
    assert counts is not None  # an aggregate without groups has a row
    return Score(
        true=whole.true,
        predicted=whole.predicted,
        correct=whole.correct,
        records=counts[0],
        people=counts[1],
        clusters=counts[2],
        by_noise=by_noise,
    )


# A cluster of its own is named after its record, in a space that no given name can be in.
_ASSIGNED = """
create temp table assigned as
select
    records.person_id,
    case
        when clusters.cluster_id is null then 'alone:' || records.record_key
        else 'given:' || clusters.cluster_id
    end as cluster_id,
from records
left join clusters
    on records.record_key = clusters.record_key
"""

# Predicted pairs of some people: all of a cluster, less those in which neither record is one of theirs.
_PAIRS = """
with flagged as (
    select person_id from people where {condition}
),

cells as (
    select
        assigned.cluster_id,
        assigned.person_id,
        flagged.person_id is not null as is_flagged,
        count(*) as n,
    from assigned
    left join flagged
        on assigned.person_id = flagged.person_id
    group by all
),

by_person as (
    select sum(n) as n from cells where is_flagged group by person_id
),

by_cluster as (
    select
        sum(n) as n,
        coalesce(sum(n) filter (where not is_flagged), 0) as others,
    from cells
    group by cluster_id
)

select
    (select coalesce(sum(n * (n - 1) // 2), 0) from by_person)::bigint as true_pairs,
    (select coalesce(sum(n * (n - 1) // 2 - others * (others - 1) // 2), 0) from by_cluster)::bigint as predicted_pairs,
    (select coalesce(sum(n * (n - 1) // 2), 0) from cells where is_flagged)::bigint as correct_pairs,
"""


def _pairs(connection: duckdb.DuckDBPyConnection, condition: str) -> Pairs:
    row = connection.execute(_PAIRS.format(condition=condition)).fetchone()
    assert row is not None
    return Pairs(true=row[0], predicted=row[1], correct=row[2])


def _refuse(connection: duckdb.DuckDBPyConnection, table: str, key: str, what: str) -> None:
    row = connection.execute(
        f"select {key} from {table} group by {key} having count(*) > 1 order by {key} limit 1"
    ).fetchone()
    if row:
        raise ValueError(f"{what} holds {row[0]} twice; each may stand there once.")
