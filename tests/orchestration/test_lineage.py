"""`braid lineage` on a small project, as dbt would have compiled it for either warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestration.cli import run
from orchestration.lib.lineage import Column, Lineage, LineageError, sources

SQL = {
    "stg_orders": """
        select id as order_id, cast(total as decimal(18, 2)) as amount, state, country from {db}.raw_shop.orders
    """,
    "stg_refunds": """
        select refunds.id as order_id, -refunds.money as amount, 'refund' as state
        from {db}.raw_shop.refunds as refunds
    """,
    "fct_orders": """
        with both_kinds as (
            select order_id, amount, state from {db}.staging.stg_orders
            union all
            select order_id, amount, state from {db}.staging.stg_refunds
        ),
        named as (
            select both_kinds.*, names.country_name
            from both_kinds
            left join {db}.staging.stg_orders as stg_orders on both_kinds.order_id = stg_orders.order_id
            left join {db}.contracts.country_names as names on stg_orders.country = names.country
        )
        select
            order_id,
            case when state = 'void' then 0 else amount end as amount,
            country_name,
            row_number() over (order by order_id) as order_number,
            count(*) over () as number_of_orders
        from named
        where country_name is not null
    """,
    "book": "select order_id, amount from {db}.marts.fct_orders union all select order_id, amount from {db}.marts.book",
    "clusters": "select order_id as node from {db}.marts.fct_orders",
    "above": "select cluster_key, node from {db}.marts.clusters",
}
PLACES = {"stg_orders": "staging", "stg_refunds": "staging"}
COLUMNS = {
    "stg_orders": ["order_id", "amount", "state", "country"],
    "stg_refunds": ["order_id", "amount", "state", "written_nowhere"],
    "fct_orders": ["order_id", "amount", "country_name", "order_number", "number_of_orders"],
    "book": ["order_id", "amount"],
    "clusters": ["node", "cluster_key"],
    "above": ["cluster_key", "node"],
}


def node(name: str, kind: str, columns: list[str], relation: str, **more: Any) -> Mapping[str, Any]:
    return {
        "name": name, "resource_type": kind, "package_name": "p", "relation_name": relation,
        "columns": {column: {} for column in columns}, "original_file_path": f"models/{name}.sql",
        "config": {"materialized": "table"}, "depends_on": {"nodes": []}, **more,
    }  # fmt: skip


def compiled(folder: Path, dialect: str) -> Path:
    """A folder of artifacts, relations named as the warehouse's adapter names them."""
    database = '"shop"' if dialect == "duckdb" else "SHOP"

    def relation(schema: str, table: str) -> str:
        return f'{database}."{schema}"."{table}"' if dialect == "duckdb" else f"{database}.{schema}.{table}"

    models = {
        f"model.p.{name}": node(name, "model", COLUMNS[name], relation(PLACES.get(name, "marts"), name)) for name in SQL
    }
    models["model.p.book"] |= {"config": {"materialized": "incremental"}}  # type: ignore[operator]
    models["model.p.clusters"] |= {  # type: ignore[operator]
        "config": {"materialized": "connected_components"},
        "depends_on": {"nodes": ["model.p.fct_orders"]},
    }
    models["seed.p.names"] = node(
        "country_names", "seed", ["country", "country_name"], relation("contracts", "country_names")
    )
    models["snapshot.p.snap"] = node(
        "snap_orders", "snapshot", ["order_id", "dbt_valid_from"], relation("snapshots", "snap_orders"),
        depends_on={"nodes": ["model.p.stg_orders"]},
    )  # fmt: skip
    found = {
        "orders": ["id", "total", "state", "country"],
        "refunds": ["id", "money"],
    }
    raw = {
        f"source.p.shop.{name}": node(name, "source", columns, relation("raw_shop", name), schema="raw_shop")
        for name, columns in found.items()
    }
    (folder / "compiled" / "p" / "models").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"nodes": models, "sources": raw}))
    for name, sql in SQL.items():
        (folder / "compiled" / "p" / "models" / f"{name}.sql").write_text(sql.format(db=database))
    return folder


@pytest.fixture(params=["duckdb", "snowflake"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Lineage:
    return Lineage(compiled(tmp_path, request.param), request.param)


def begins(project: Lineage, table: str, column: str) -> set[str]:
    return {str(one) for one in sources(list(project.steps(Column(table, column))))}


@pytest.mark.parametrize(
    ("table", "column", "found"),
    [
        # Through a star, a union and a cast; the state is in the condition, and a constant of refunds.
        ("fct_orders", "amount", {"raw_shop.orders.total", "raw_shop.refunds.money", "raw_shop.orders.state"}),
        # The join is by the orders' country, and the filter by itself: neither is where the name comes from.
        ("fct_orders", "country_name", {"country_names.country_name"}),
        ("fct_orders", "number_of_orders", set()),
        # It reads itself too, which says nothing.
        ("book", "order_id", {"raw_shop.orders.id", "raw_shop.refunds.id"}),
        ("snap_orders", "order_id", {"raw_shop.orders.id"}),
        ("above", "node", set()),
    ],
)
def test_a_column_is_followed_to_where_it_begins(project: Lineage, table: str, column: str, found: set[str]) -> None:
    assert begins(project, table, column) == found


def test_where_it_ends_is_said(project: Lineage) -> None:
    ends = {str(step.column): step.ends for step in project.steps(Column("above", "cluster_key"))}
    assert ends == {
        "above.cluster_key": None,
        "clusters.cluster_key": "made by the materialisation connected_components from fct_orders",
    }
    (step,) = project.steps(Column("stg_refunds", "written_nowhere"))
    assert step.ends is not None
    assert step.ends.startswith("not followed: ")
    (step,) = project.steps(Column("snap_orders", "dbt_valid_from"))
    assert step.ends == "made by dbt's snapshot"
    (step,) = project.steps(Column("fct_orders", "number_of_orders"))
    assert step.ends == "no column: a constant, a count or a sequence"


def test_the_same_question_has_the_same_answer_and_each_column_once(project: Lineage) -> None:
    first, second = (list(project.steps(Column("book", "amount"))) for _ in range(2))
    assert first == second
    assert len({step.column for step in first}) == len(first)
    assert [str(one) for one in first[0].inputs] == ["fct_orders.amount"]


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [("fct_sales", "amount", "There is no model 'fct_sales'"), ("book", "price", "book has no column 'price'; it has")],
)
def test_what_does_not_exist_is_named(project: Lineage, table: str, column: str, said: str) -> None:
    with pytest.raises(LineageError, match=said):
        list(project.steps(Column(table, column)))


def test_what_was_not_compiled_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineageError, match=r"manifest\.json does not exist: run `braid build` first"):
        Lineage(tmp_path, "duckdb")
    folder = compiled(tmp_path, "duckdb")
    (folder / "compiled" / "p" / "models" / "stg_orders.sql").unlink()
    with pytest.raises(LineageError, match=r"stg_orders was not compiled yet: run `braid build`"):
        list(Lineage(folder, "duckdb").steps(Column("book", "amount")))


def test_artifacts_of_another_warehouse_or_cut_short_are_named(tmp_path: Path) -> None:
    folder = compiled(tmp_path, "duckdb")
    manifest = json.loads((folder / "manifest.json").read_text())
    whole = json.dumps(manifest | {"metadata": {"adapter_type": "duckdb"}})
    (folder / "manifest.json").write_text(whole)
    assert begins(Lineage(folder, "duckdb"), "stg_orders", "order_id") == {"raw_shop.orders.id"}
    with pytest.raises(LineageError, match=r"was compiled for duckdb, not snowflake: name that target"):
        Lineage(folder, "snowflake")
    (folder / "manifest.json").write_text(whole[:-9])
    with pytest.raises(LineageError, match=r"manifest\.json is cut short: run `braid build` again"):
        Lineage(folder, "duckdb")


def test_the_command_draws_a_tree_or_gives_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(compiled(tmp_path, "duckdb")))
    assert run(["lineage", "book.order_id"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "book.order_id",
        "  fct_orders.order_id",
        "    stg_orders.order_id",
        "      raw_shop.orders.id  [source]",
        "    stg_refunds.order_id",
        "      raw_shop.refunds.id  [source]",
        "",
        "Begins at: raw_shop.orders.id, raw_shop.refunds.id.",
    ]
    assert run(["lineage", "fct_orders.amount", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["column"] == "fct_orders.amount"
    assert document["sources"] == ["raw_shop.orders.state", "raw_shop.orders.total", "raw_shop.refunds.money"]
    assert run(["lineage", "amount"]) == 2
    assert run(["lineage", "fct_orders.nothing"]) == 1
    assert "has no column 'nothing'" in capsys.readouterr().err
