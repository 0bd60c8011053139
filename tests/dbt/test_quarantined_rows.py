"""Rows set apart in raw are in no staging model, whatever table they are in."""

from __future__ import annotations

import pytest

from contracts.plan.events import read
from contracts.plan.judging import files_of
from tests.dbt.project import ROOT, Project

pytestmark = pytest.mark.timeout(300)
PLAN = read(files_of(ROOT / "contracts" / "tracking_plan"))


def rows_for(columns: list[str]) -> list[dict[str, str]]:
    """What the rows of a table must say to reach every model: an event of each name that the tracking plan has."""
    if not {"type", "event"} <= set(columns):
        return [{}]
    return [{"type": event.type, "event": event.name} for event in PLAN.events]


def test_a_row_set_apart_leaves_every_staging_model(project: Project) -> None:
    project.run("run", "--select", "path:models/staging")
    tables = project.rows(
        "select table_schema, table_name from information_schema.columns"
        " where table_schema like 'raw\\_%' escape '\\' and column_name = '_quarantined_at' order by all"
    )
    raw = project.rows("select count(*) from information_schema.tables where table_schema like 'raw\\_%' escape '\\'")
    assert raw == [(len(tables),)], "every raw table says which of its rows are set apart"
    for schema, table in tables:
        texts = project.rows(
            "select column_name from information_schema.columns where data_type = 'VARCHAR'"
            f" and table_schema = '{schema}' and table_name = '{table}' and not starts_with(column_name, '_')"
        )
        names = [name for (name,) in texts]
        columns = ", ".join(f'"{name}"' for name in names)
        for row in rows_for(names):
            values = ", ".join("'" + row.get(name, "x1") + "'" for name in names)
            project.execute(
                f"insert into {schema}.{table} ({columns}, _quarantined_at) values ({values}, timestamp '2026-01-05')"
            )
    models = [name for (name,) in project.rows("select view_name from duckdb_views() where schema_name = 'staging'")]
    staged = [name for name in models if name.startswith("stg_")]
    assert len(staged) > 25

    def filled() -> set[str]:
        return {name for name in staged if project.rows(f"select count(*) from staging.{name}") != [(0,)]}

    assert filled() == set()
    for schema, table in tables:
        project.execute(f"update {schema}.{table} set _quarantined_at = null")
    assert set(staged) - filled() == set(), "the rows themselves are good enough to be seen"
