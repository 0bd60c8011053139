"""Links and clusters that are brought up to date equal those made anew, whatever changes; the rest is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from benchmarks.graphs import JUDGED_PAIRS
from tests.dbt import ledger_rules as rules
from tests.dbt.project import Project

pytestmark = [pytest.mark.timeout(600)]

MODELS = (
    "run", "--select", "int_identity__joins", "int_identity__joined_records", "int_identity__links",
    "int_identity__cut_links", "int_identity__decided_links", "int_identity__candidate_clusters",
)  # fmt: skip
BEFORE = ("run", "--select", "stg_files__people", "int_identity__moved_records", "int_identity__decisions")
# So many records of no interest that a change of the interesting ones is a small one.
BALLAST = {f"x{number:03}": [f"tie{number // 3}"] for number in range(600)}
TABLES = """
create schema if not exists identity;
create table identity.int_identity__records (
    record_key varchar, record_number ubigint as (hash(record_key)), updated_at timestamp as (timestamp '2026-01-01'));
create table identity.int_identity__identifiers (
    record_key varchar, identifier_type varchar, identifier_value varchar, identifier_status varchar, priority integer,
    record_number ubigint as (hash(record_key)), value_number ubigint as (hash(identifier_type, identifier_value)));
"""

Values = Mapping[str, list[str]]
NOTHING: list[rules.Pair] = []


class Graph:
    """A warehouse with records and what they carry, and dbt over it."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        with duckdb.connect(self.project.warehouse) as connection:
            connection.execute(TABLES)
            connection.execute(f"create table identity.int_identity__judged_pairs as {JUDGED_PAIRS}")
        self.project.run(*BEFORE)

    def holds(self, values: Values, joins: list[rules.Pair] = NOTHING, cuts: list[rules.Pair] = NOTHING) -> None:
        """Build, and compare with the rules: all links, all clusters."""
        everybody = {**BALLAST, **values}
        carried = [(key, value) for key, its in everybody.items() for value in its]
        with duckdb.connect(self.project.warehouse) as connection:
            connection.execute("delete from identity.int_identity__records")
            connection.execute("insert into identity.int_identity__records select unnest(?)", [list(everybody)])
            connection.execute("delete from identity.int_identity__identifiers")
            connection.execute(
                "insert into identity.int_identity__identifiers select unnest(?), 'email', unnest(?), 'usable', 2",
                [[key for key, _ in carried], [value for _, value in carried]],
            )
        self.project.run(*MODELS)
        links = self.project.rows("select record_key_a, record_key_b, evidence from identity.int_identity__links")
        carriers: dict[str, list[str]] = {}
        for key, value in carried:
            carriers.setdefault(value, []).append(key)
        expected = [(min(keys), key, value) for value, keys in carriers.items() for key in keys if key != min(keys)]
        assert sorted(links) == sorted(expected)
        found = dict(self.project.rows("select record_key, cluster_key from identity.int_identity__candidate_clusters"))
        ties = rules.decided(everybody, [(a, b) for a, b, _ in expected], joins, cuts)
        assert found == rules.components(everybody, ties)

    def written(self) -> set[str]:
        """Records whose rows were written by the newest run that wrote any, and those that it took away."""
        clusters = "identity.int_identity__candidate_clusters"
        newest = (
            f"(select max(number) from (select max(written_number) as number from {clusters}"
            f" union all select max(gone_number) from {clusters}__gone))"
        )
        rows = self.project.rows(
            f"select record_key from {clusters} where written_number = {newest}"
            f" union select node from {clusters}__gone where gone_number = {newest}"
        )
        return {key for (key,) in rows}

    def drop(self, *tables: str) -> None:
        with duckdb.connect(self.project.warehouse) as connection:
            for table in tables:
                connection.execute(f"drop table identity.{table}")

    def decide(self, number: int, kind: str, a: str, b: str) -> None:
        self.project.execute(
            "insert into ops.identity_decisions (decision_id, kind, record_key_a, record_key_b, decided_at)"
            f" values ('d{number}', '{kind}', '{a}', '{b}', timestamp '2026-01-0{number}')"
        )


def test_whatever_changes_links_and_clusters_are_those_of_a_build_from_nothing(tmp_path: Path) -> None:
    graph = Graph(tmp_path)
    graph.holds({"b": ["e1"], "c": ["e1", "e2"], "d": ["e2"], "lone": []})
    # Newcomers, with a key lower than the star's centre or without anything, and one that is gone.
    graph.holds({"a": ["e2"], "b": ["e1"], "c": ["e1", "e2"], "d": ["e2"], "f": ["tie7"], "new": []})
    assert graph.written() <= {"a", "b", "c", "d", "f", "x021", "x022", "x023", "new", "lone"}
    # A value is another: what it tied falls apart, and two that share two values stay one.
    now: Values = {"a": ["e2", "e9"], "b": ["e8"], "c": ["e2", "e9"], "d": ["e8"], "f": ["tie7"], "new": []}
    graph.holds(now)
    assert graph.written() <= {"a", "b", "c", "d"}
    # What somebody joins is of their own, and waits for a record that is gone.
    graph.decide(1, "join", "new", "b")
    graph.holds(now, [("new", "b")])
    assert graph.written() == {"new"}
    graph.holds({key: its for key, its in now.items() if key != "new"}, [("new", "b")])
    graph.holds(now, [("new", "b")])
    graph.decide(2, "cut", "a", "c")
    graph.holds(now, [("new", "b")], [("a", "c")])
    # From the first cut on all edges are compared; a change is found as before.
    graph.holds({**now, "late": ["e8"]}, [("new", "b")], [("a", "c")])
    assert graph.written() == {"late"}


def test_what_somebody_dropped_is_made_anew_under_numbers_that_nobody_has_read(tmp_path: Path) -> None:
    graph = Graph(tmp_path)
    clusters, links = "int_identity__candidate_clusters", "int_identity__links"
    graph.holds({"b": ["e1"], "c": ["e1"], "d": []})
    graph.drop(links, f"{links}__gone", f"{links}__inputs")
    graph.holds({"b": ["e1"], "c": [], "d": ["e1"]})
    graph.drop(f"{clusters}__seen")
    graph.holds({"b": ["e1"], "c": ["e1"], "d": []})
    # All but the books: what was published has the number that the clusters had.
    newest = f"select max(gone_number) from identity.{clusters}__gone where node is null"
    ((published,),) = graph.project.rows(newest)
    graph.project.execute(
        "create table identity.identity_builds as"
        f" select {published} as candidate_number, timestamp '2026-01-01' as built_at"
    )
    graph.drop(clusters, *(f"{clusters}__{beside}" for beside in ("gone", "edges", "seen")))
    graph.holds({"b": ["e1"], "c": ["e1"], "d": ["e1"]})
    ((first,),) = graph.project.rows(newest)
    assert first > published
