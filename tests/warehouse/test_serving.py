"""The serving copy is whole, plainly readable, and replaced without disturbing who reads the last one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse.base import WarehouseError
from warehouse.serving import publish, serving_path

PROFILE = """
braid:
  target: dev
  outputs:
    dev: {type: duckdb, path: "PATH", schema: main, threads: 1}
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "braid.duckdb"
    (tmp_path / "profiles.yml").write_text(PROFILE.replace("PATH", str(path)))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.delenv("DBT_TARGET", raising=False)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw; create schema staging")
        connection.execute(
            "create table raw.people as select 1 as id, 'it''s; as' as \"as\", {'catalog': 'braid'} as s"
        )
    return path


def add_view(database: Path, sql: str) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(sql)


def read(copy: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(copy), read_only=True) as connection:
        return connection.execute(sql).fetchall()


VIEWS = {
    "catalog, schema and table quoted": ('select * from "braid"."raw"."people"', 1),
    "a common table expression": ('with x as (select * from "braid"."raw"."people") select id from x', 1),
    "a query within an expression": ("select exists (select 1 from braid.raw.people) as id", True),
    "a column in full": ("select braid.raw.people.id from braid.raw.people", 1),
    "the catalog's name as text": ("select case when s.catalog = 'braid' then 1 end as id from braid.raw.people", 1),
    "a window and a cast": ("select cast(row_number() over (order by id) as int) as id from braid.raw.people", 1),
}


@pytest.mark.parametrize(("select", "expected"), VIEWS.values(), ids=VIEWS)
def test_a_view_reads_the_copy_whoever_opens_it(database: Path, select: str, expected: object) -> None:
    add_view(database, f"create view staging.v as {select}")
    before = read(database, "select * from staging.v")
    copy = publish()
    assert copy == serving_path(database)
    assert read(copy, "select * from staging.v") == before
    assert read(copy, "select id from staging.v") == [(expected,)]
    # Alone, as somebody's download would be: nothing in it points back at the original.
    alone = copy.rename(copy.with_name("elsewhere.duckdb"))
    database.unlink()
    assert read(alone, "select id from staging.v") == [(expected,)]


def test_views_over_views_come_in_whatever_order_they_need(database: Path) -> None:
    add_view(database, "create view staging.b as select * from braid.raw.people")
    add_view(database, "create view staging.a as select * from braid.staging.b")
    add_view(database, "create view staging.c as select * from braid.staging.a")
    copy = publish()
    assert copy is not None
    assert read(copy, "select count(*) from staging.c") == [(1,)]


def test_the_reader_of_the_last_copy_is_not_disturbed_and_the_next_one_sees_the_new(database: Path) -> None:
    copy = publish()
    assert copy is not None
    with duckdb.connect(str(copy), read_only=True) as reader:
        add_view(database, "insert into raw.people select 2, 'b', {'catalog': ''}")
        assert publish() == copy
        assert reader.execute("select count(*) from raw.people").fetchall() == [(1,)]
    assert read(copy, "select count(*) from raw.people") == [(2,)]


def test_nothing_is_left_beside_the_copy(database: Path) -> None:
    publish()
    names = {path.name for path in database.parent.iterdir()} - {"profiles.yml", "braid.duckdb.lock"}
    assert names == {"braid.duckdb", "braid_serving.duckdb"}


def test_without_a_warehouse_there_is_one_sentence(database: Path) -> None:
    database.unlink()
    with pytest.raises(WarehouseError, match=r"does not exist yet: extract something or build first\.$"):
        publish()
    assert not serving_path(database).exists()
