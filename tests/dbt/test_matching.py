"""Matching in the warehouse: nothing before training; then the same scores and clusters as the evaluation's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from contracts.matching import read
from matching.evaluation import load_nicknames
from matching.keys import matching_keys
from matching.pipeline import cluster, learn
from orchestration.lib.match_training import train
from tests.dbt.project import Project
from tests.matching.people import write_people
from warehouse.base import Warehouse
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.timeout(300)]

COLUMNS = ("first_name", "last_name", "street", "city", "postcode", "phone")
BUILD = (
    "build", "--resource-type", "seed", "--resource-type", "model",
    "--select", "+int_identity__review_queue", "+int_identity__links",
)  # fmt: skip


def land(project: Project, tmp_path: Path) -> None:
    """People of 150 households as a data set of files; phones as text that is no number, so that nothing else ties."""
    people = write_people(tmp_path / "people.csv", COLUMNS, households=150)
    project.run("run", "--select", "stg_files__people")
    project.execute(
        "insert into raw_files.people (dataset, person_id, first_name, last_name, street, city, postal_code, "
        "created_at, updated_at, _extracted_at, _is_deleted) "
        "select 'made_up', lpad(cast(row_number() over () as varchar), 5, '0'), first_name, last_name, street, city, "
        "postcode, timestamp '2026-01-01', timestamp '2026-01-01', timestamp '2026-01-01', false "
        f"from read_csv('{people}', all_varchar = true)"
    )


def test_records_are_scored_and_linked_once_weights_are_trained(project: Project, tmp_path: Path) -> None:
    land(project, tmp_path)
    project.run(*BUILD)
    assert project.rows("select count(*) from identity.int_identity__matching_keys") == [(0,)]
    assert project.rows("select count(*) from identity.int_identity__links") == [(0,)]

    @contextmanager
    def opened() -> Iterator[Warehouse]:
        with DuckDBWarehouse.open(project.warehouse, settings={"threads": 2}) as warehouse:
            yield warehouse

    done = train(opened, "identity", datetime(2026, 1, 2))
    project.run(*BUILD)
    scored = project.rows(
        "select record_key_a, record_key_b, match_weight, link_weight from identity.int_identity__scored_pairs "
        "order by 1, 2"
    )
    clusters = project.rows("select * from identity.int_identity__person_clusters order by 1")
    links = project.rows("select count(*) from identity.int_identity__links where link_rule = 'probabilistic'")
    persons = project.rows("select * from identity.int_identity__persons order by record_key")
    names = [row[0] for row in project.rows("describe identity.int_identity__persons")]
    assert len(scored) > 1000
    assert links[0][0] > 200
    assert project.rows(
        "select count(*) from identity.int_identity__judged_pairs where verdict = 'link' and link_weight < "
        f"{done.learnt.model.link}"
    ) == [(0,)]

    with duckdb.connect() as connection:
        connection.execute(f"create table persons ({', '.join(f'{name} varchar' for name in names)})")
        connection.executemany(f"insert into persons values ({', '.join('?' for _ in names)})", persons)
        load_nicknames(connection)
        connection.execute(f"create table matching_keys as {matching_keys('persons', 'nicknames', 'duckdb')}")
        learnt = learn(connection, read())
        ours = connection.execute(
            "select record_key_a, record_key_b, match_weight, link_weight from weighed order by 1, 2"
        ).fetchall()
        table = cluster(connection, learnt.model.link)
        our_clusters = connection.execute(f"select * from {table} order by 1").fetchall()
    kept = {(a, b): (match, link) for a, b, match, link in ours}
    for a, b, match, link in scored:
        assert (match, link) == pytest.approx(kept[a, b], abs=1e-6)
    assert {(a, b) for a, b, _, link in ours if link > 0} <= {(a, b) for a, b, _, _ in scored}
    assert clusters == our_clusters


def test_weights_of_other_comparisons_are_not_used(project: Project, tmp_path: Path) -> None:
    land(project, tmp_path)
    project.run(*BUILD)
    project.execute(
        "insert into ops.match_models values ('v1', 'another contract', 100, 0.0, -2.0, timestamp '2026-01-02')"
    )
    project.run(*BUILD)
    assert project.rows("select count(*) from identity.int_identity__matching_model") == [(0,)]
    assert project.rows("select count(*) from identity.int_identity__scored_pairs") == [(0,)]
