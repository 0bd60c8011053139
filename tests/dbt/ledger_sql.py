"""The ledger's models as dbt compiles them, run on a DuckDB in memory: a build takes milliseconds.

What is not SQL of a model is done here as dbt would: appending, merging, and the two connected components.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from tests.dbt.ledger_inputs import BOOKS, BY_CHANGES, GRAPH, INPUTS, NUMBER, SCHEMAS
from tests.dbt.ledger_rules import UNKNOWN_DAY, components
from tests.dbt.ledger_stories import Seen
from tests.dbt.project import Project

CLUSTERS = "identity.int_identity__candidate_clusters"
Row = tuple[Any, ...]
# SQL of the models, and the columns and types of the books.
Models = tuple[Mapping[str, str], Mapping[str, Sequence[str]]]


def compiled(project: Project) -> Models:
    """The models as SQL, from a project over an empty warehouse."""
    text, books = json.loads(project.worker("tests.dbt.ledger_compiler"))
    return text, books


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
        for schema in SCHEMAS:
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

    def build(self, seen: Seen) -> None:
        """One build over these records, records taken over, and decisions so far."""
        moment = "timestamp '2026-01-01' + to_days(?)"
        self._put(
            "identity.int_identity__records (record_key, created_at)",
            [(key, day if day != UNKNOWN_DAY else None) for key, day in seen.created.items()],
            f"?, {moment}",
        )
        self._put(
            "identity.int_identity__identifiers",
            [(record, value[:1], value) for record in seen.created for value in seen.values[record]],
            "?, ?, ?, null, 'usable', 1",
        )
        self._put(
            "ops.identity_decisions",
            [
                (row.decision_id, row.kind, row.a, row.b, row.undoes, row.allows, place)
                for place, row in enumerate(seen.decisions)
            ],
            f"?, ?, ?, ?, null, null, ?, ?, 'why', 'who', {moment}",
        )
        self._put("identity.int_identity__moved_records", list(seen.moved.items()), "?, ?")
        self._put("ops.extract_runs", [(seen.day,)], f"'succeeded', {moment}")
        self._replace("int_identity__links")
        joins = self.rows("select record_key_a, record_key_b from identity.int_identity__joins")
        joined = components({record for pair in joins for record in pair}, joins)
        self._put("identity.int_identity__joined_records", list(joined.items()), "?, ?")
        self._replace("int_identity__cut_links")
        ties = self.rows("select record_key_a, record_key_b from identity.int_identity__decided_links")
        clusters = components(seen.created, ties)
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
        known = self.rows(f"select record_key, cluster_key, written_number from {CLUSTERS}")
        before = {key: (name, number) for key, name, number in known}
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


@contextmanager
def warehouse(models: Models, shuffle: int | None = None, *, everything: bool = False) -> Iterator[Warehouse]:
    """An empty one, closed at the end."""
    opened = Warehouse(*models, shuffle=shuffle, everything=everything)
    try:
        yield opened
    finally:
        opened.close()
