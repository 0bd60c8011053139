"""The ledger's models as dbt compiles them, run on a DuckDB in memory: a build takes milliseconds.

What is not SQL of a model is done here as dbt would: appending, merging, and the two connected components.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from tests.dbt.ledger_rules import components
from tests.dbt.project import Project

VIEWS = (
    "int_identity__decisions",
    "int_identity__joins",
    "int_identity__decided_links",
    "int_identity__published_records",
    "customer_id_lookup",
)
TABLES = ("int_identity__links", "int_identity__cut_links", "int_identity__build")
GRAPH = (
    "int_identity__changed_records",
    "int_identity__touched_records",
    "int_identity__graph_changes",
    "identity_gate",
    "int_identity__touched_clusters",
)
BOOKS = ("customer_ids", "customer_xref", "identity_builds")
MODELS = (*VIEWS, *TABLES, *GRAPH, *BOOKS)
# What a build that goes by what changed reads another way, and the number that stands in it.
BY_CHANGES = ("int_identity__changed_records", "customer_ids", "customer_xref")
ANYWAY = ("int_identity__changed_records", "int_identity__touched_records", "customer_xref")
NUMBER = "987654321"
EVERY_PART = re.compile(r'part_number in \(select part_number from "int_identity__links__changed"\)')
INPUTS = """
create table identity.int_identity__records (record_key varchar, created_at timestamp, updated_at timestamp);
create table identity.int_identity__moved_records (record_key varchar, successor_key varchar);
create table identity.int_identity__identifiers (
    record_key varchar, identifier_type varchar, identifier_value varchar, written_value varchar,
    identifier_status varchar, priority integer);
create table identity.int_identity__judged_pairs (
    record_key_a varchar, record_key_b varchar, verdict varchar, evidence varchar, link_probability double);
create table identity.int_identity__joined_records (record_key varchar, join_group varchar);
create table identity.int_identity__candidate_clusters (record_key varchar, cluster_key varchar, written_number bigint);
create table identity.int_identity__candidate_clusters__gone (node varchar, gone_number bigint);
insert into identity.int_identity__candidate_clusters__gone values (null, 1);
create table identity.int_identity__new_over_limits (identifier_type varchar);
create table contracts.identity_rules (rules_version varchar);
create table contracts.identity_gate_limits (measure varchar, most bigint, percent_of_published bigint);
create table ops.extract_runs (status varchar, finished_at timestamp);
create table ops.identity_decisions (
    decision_id varchar, kind varchar, record_key_a varchar, record_key_b varchar, identifier_type varchar,
    identifier_value varchar, undoes varchar, allows varchar, why varchar, decided_by varchar, decided_at timestamp);
insert into contracts.identity_rules values ('rules');
insert into contracts.identity_gate_limits
select unnest(['merged_customers', 'customers_in_one', 'split_customers', 'records_gained', 'largest_cluster',
    'over_limit_identifiers']), 1000, 0;
"""

CLUSTERS = "identity.int_identity__candidate_clusters"
Row = tuple[Any, ...]
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Decided:
    """A decision as the tests make them; the place in their list is when it was made."""

    decision_id: str
    kind: str
    a: str | None = None
    b: str | None = None
    undoes: str | None = None
    allows: str | None = None


def compiled(project: Project) -> dict[str, str]:
    """SQL of the models in a project whose books are there and whose first cut is recorded."""
    chosen = ("+identity_builds", "+identity_over_limits", "+customer_id_lookup")
    project.run("build", "--resource-type", "seed", "--resource-type", "model", "--select", *chosen)
    project.execute("insert into ops.identity_decisions (decision_id, kind) values ('d', 'cut')")
    project.run("compile", "--select", *MODELS)
    folder = project.folder / "target" / "compiled" / "braid" / "models" / "identity"
    text = {model: (folder / f"{model}.sql").read_text() for model in MODELS}
    # As in a build that has a graph to compare with, which an empty warehouse has not.
    project.execute("update identity.int_identity__build set last_graph_number = 1, last_ledger_number = 1")
    project.run("compile", "--select", *ANYWAY)
    text |= {model: (folder / f"{model}.sql").read_text() for model in ANYWAY}
    text["int_identity__links"] = EVERY_PART.sub("true", text["int_identity__links"])
    project.execute(f"update identity.int_identity__build set compared_number = {NUMBER}")
    project.run("compile", "--select", *BY_CHANGES)
    return text | {f"{model} by changes": (folder / f"{model}.sql").read_text() for model in BY_CHANGES}


def groups(clusters: Mapping[str, str]) -> dict[str, set[str]]:
    """Cluster -> its records."""
    found: dict[str, set[str]] = {}
    for record, cluster in clusters.items():
        found.setdefault(cluster, set()).add(record)
    return found


class Warehouse:
    """One warehouse in memory; ``shuffle`` stores every table's rows in another order, ``everything`` makes each build
    compare all records.
    """

    def __init__(
        self,
        sql: Mapping[str, str],
        books: Mapping[str, Sequence[str]],
        shuffle: int | None = None,
        *,
        everything: bool = False,
    ) -> None:
        """``books`` are the columns and types of the books."""
        self.sql = sql
        self.everything = everything
        self.compared: int | None = None
        self.draw = random.Random(shuffle) if shuffle is not None else None
        self.db = duckdb.connect()
        self.db.execute("attach ':memory:' as warehouse; use warehouse; set threads to 1")
        for schema in ("identity", "ops", "contracts"):
            self.db.execute(f"create schema {schema}")
        self.db.execute(INPUTS)
        self.db.execute(f"create table identity.int_identity__links as {sql['int_identity__links']}")
        for name, columns in books.items():
            self.db.execute(f"create table identity.{name} ({', '.join(columns)})")
        for view in ("int_identity__decisions", "int_identity__joins"):
            self.db.execute(f"create view identity.{view} as {sql[view]}")
        self.db.execute(f"create table identity.int_identity__cut_links as {sql['int_identity__cut_links']}")
        self.db.execute(f"create table identity.int_identity__build as {sql['int_identity__build']}")
        for view in ("int_identity__decided_links", "int_identity__published_records", "customer_id_lookup"):
            self.db.execute(f"create view identity.{view} as {sql[view]}")

    def close(self) -> None:
        self.db.close()

    def rows(self, query: str) -> list[Row]:
        return self.db.execute(query).fetchall()

    def book(self, name: str) -> list[Row]:
        """All rows of a book, in an order that says nothing of how they are stored; without the candidate's number,
        which is no book.
        """
        without = " exclude (candidate_number)" if name == "identity_builds" else ""
        return self.rows(f"select *{without} from identity.{name} order by all")

    def lose_books(self) -> None:
        for name in BOOKS:
            self.db.execute(f"delete from identity.{name}")

    def build(
        self,
        day: int,
        created: Mapping[str, int],
        values: Mapping[str, Iterable[str]],
        decisions: Sequence[Decided] = (),
        moved: Mapping[str, str] = NOTHING,
    ) -> None:
        """One build over these records, records taken over, and decisions so far; ``day`` is its moment."""
        moment = "timestamp '2026-01-01' + to_days(?)"
        self._put(
            "identity.int_identity__records (record_key, created_at)",
            [(key, day_created if day_created < 9 else None) for key, day_created in created.items()],
            f"?, {moment}",
        )
        self._put(
            "identity.int_identity__identifiers",
            [(record, value[:1], value) for record in created for value in values[record]],
            "?, ?, ?, null, 'usable', 1",
        )
        self._put(
            "ops.identity_decisions",
            [
                (row.decision_id, row.kind, row.a, row.b, row.undoes, row.allows, place)
                for place, row in enumerate(decisions)
            ],
            f"?, ?, ?, ?, null, null, ?, ?, 'why', 'who', {moment}",
        )
        self._put("identity.int_identity__moved_records", list(moved.items()), "?, ?")
        self._put("ops.extract_runs", [(day,)], f"'succeeded', {moment}")
        self._replace("int_identity__links")
        joins = self.rows("select record_key_a, record_key_b from identity.int_identity__joins")
        joined = components({record for pair in joins for record in pair}, joins)
        self._put("identity.int_identity__joined_records", list(joined.items()), "?, ?")
        self._replace("int_identity__cut_links")
        ties = self.rows("select record_key_a, record_key_b from identity.int_identity__decided_links")
        clusters = components(created, ties)
        self._note_clusters(clusters)
        self._replace("int_identity__build")
        if self.everything:
            self.db.execute("update identity.int_identity__build set compared_number = null, largest_records = null")
        ((self.compared,),) = self.rows("select compared_number from identity.int_identity__build")
        for table in GRAPH:
            self._replace(table)
        self.change_ids()
        self.db.execute(f"create or replace temp table changed as {self._text('customer_xref')}")
        self.db.execute(
            "merge into identity.customer_xref as book using changed"
            " on book.record_key = changed.record_key and book.change_number = changed.change_number"
            " when matched then update when not matched then insert by name"
        )
        self.db.execute(f"insert into identity.identity_builds by name {self.sql['identity_builds']}")

    def change_ids(self) -> None:
        """The step that writes the ledger, by itself."""
        self.db.execute(f"insert into identity.customer_ids by name {self._text('customer_ids')}")

    def _text(self, model: str) -> str:
        """The model's SQL as dbt would compile it for this build."""
        if self.compared is None or model not in BY_CHANGES:
            return self.sql[model]
        return self.sql[f"{model} by changes"].replace(NUMBER, str(self.compared))

    def _note_clusters(self, clusters: Mapping[str, str]) -> None:
        """Put the clusters in place with the least that the materialisation tells of what changed: one row of a
        cluster that is another than it was, any of them, and what is gone.
        """
        before = {key: (name, number) for key, name, number in self.rows(f"select * from {CLUSTERS}")}
        ((last,),) = self.rows(
            f"select max(number) from (select max(gone_number) as number from {CLUSTERS}__gone"
            f" union all select max(written_number) from {CLUSTERS})"
        )
        members, old_members = groups(clusters), groups({key: name for key, (name, _) in before.items()})
        numbers = {key: before[key][1] if key in before else last for key in clusters}
        for name, keys in members.items():
            if old_members.get(before[min(keys)][0] if min(keys) in before else "") != keys:
                numbers[(self.draw or random.Random(name)).choice(sorted(keys))] = last + 1
        rows = [(key, name, numbers[key]) for key, name in clusters.items()]
        self._put(CLUSTERS, rows, "?, ?, ?")
        for key in before.keys() - clusters.keys():
            self.db.execute(f"insert into {CLUSTERS}__gone values (?, ?)", [key, last + 1])

    def customers(self) -> dict[str, str]:
        """Record -> customer today."""
        return dict(self.rows("select record_key, customer_id from identity.customer_xref where valid_to is null"))

    def limit(self, measure: str, most: int) -> None:
        """Set a limit of the gate; all are out of reach at first."""
        self.db.execute("update contracts.identity_gate_limits set most = ? where measure = ?", [most, measure])

    def is_held(self) -> bool:
        """Whether the gate held the graph of the last build."""
        return bool(self.rows("select 1 from identity.identity_gate where is_over"))

    def candidate(self) -> dict[str, str]:
        """Record -> cluster of the last build's own graph."""
        return dict(self.rows(f"select record_key, cluster_key from {CLUSTERS}"))

    def lookup(self) -> dict[str, str | None]:
        """Id ever issued -> the customer it is."""
        return dict(self.rows("select customer_id, living_customer_id from identity.customer_id_lookup"))

    def _put(self, table: str, rows: list[Row], places: str) -> None:
        self.db.execute(f"delete from {table.split()[0]}")
        if self.draw is not None:
            self.draw.shuffle(rows)
        if rows:
            every = ", ".join([f"({places})"] * len(rows))
            self.db.execute(f"insert into {table} values {every}", [value for row in rows for value in row])

    def _replace(self, table: str) -> None:
        order = f" order by hash(columns(*)::varchar || '{self.draw.random()}')" if self.draw is not None else ""
        self.db.execute(f"create or replace table identity.{table} as select * from ({self._text(table)}){order}")
