"""The same keys and scores on Snowflake's dialect, as far as fakesnow can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from contracts.matching import read
from matching.evaluation import load_nicknames
from matching.keys import matching_keys
from matching.loading import load_persons
from matching.pipeline import learn
from matching.scores import candidate_pairs, compared_pairs, weighed_pairs
from tests.matching.people import write_people
from tests.snowflake.fake import fake_snowflake
from warehouse.base import TableName
from warehouse.profile import Target
from warehouse.snowflake import SnowflakeWarehouse

pytestmark = [pytest.mark.timeout(300)]

SIGN_IN = {"account": "fake", "user": "braid", "password": "not-a-secret", "database": "BRAID", "schema": "SCRATCH"}
COLUMNS = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "city", "postcode")


@pytest.fixture
def snowflake(tmp_path: Path) -> Iterator[SnowflakeWarehouse]:
    with fake_snowflake(tmp_path):
        target = Target("snowflake", "snowflake", SIGN_IN, tmp_path, tmp_path)
        with SnowflakeWarehouse.connect(target) as opened:
            yield opened


def put(warehouse: SnowflakeWarehouse, name: str, table: pa.Table) -> str:
    """The table in the warehouse; its name as SQL."""
    place = TableName("scratch", name)
    warehouse.ensure_table(place, table.schema)
    with warehouse.stage(table, constants={}) as staged, warehouse.transaction():
        warehouse.append(place, staged)
    return warehouse.relation(place)


def test_scores_are_the_same_on_snowflake(snowflake: SnowflakeWarehouse, tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", COLUMNS, households=40)
    with duckdb.connect() as connection:
        load_persons(connection, [people], truth="person")
        load_nicknames(connection)
        connection.execute(f"create table matching_keys as {matching_keys('persons', 'nicknames', 'duckdb')}")
        model = learn(connection, read()).model
        theirs = {
            (a, b): (match, link)
            for a, b, match, link in connection.execute(
                "select record_key_a, record_key_b, match_weight, link_weight from weighed"
            ).fetchall()
        }
        tables = {
            name: connection.sql(f"select * from {name}").to_arrow_table()
            for name in ("persons", "nicknames", "match_weights", "term_frequencies")
        }
    tables["persons"] = tables["persons"].drop_columns(["file_number", "row_number"])
    places = {name: put(snowflake, name, table) for name, table in tables.items()}
    steps = {
        "matching_keys": matching_keys(places["persons"], places["nicknames"], "snowflake"),
        "candidates": candidate_pairs("scratch.matching_keys", model.blocking),
        "compared": compared_pairs(
            "scratch.matching_keys", "scratch.candidates", places["term_frequencies"], model.comparisons, "snowflake"
        ),
        "weighed": weighed_pairs("scratch.compared", places["match_weights"], model.comparisons),
    }
    for name, query in steps.items():
        snowflake.execute(f"create table scratch.{name} as {query}")
    found = snowflake.query("select record_key_a, record_key_b, match_weight, link_weight from scratch.weighed")
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    assert len(rows) > 400
    for a, b, match, link in rows:
        assert (match, link) == pytest.approx(theirs[a, b], abs=1e-6)
