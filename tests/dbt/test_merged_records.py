"""The alias map against the company's own merges, watched day by day, through extraction and the build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from extract.pipeline import run
from extract.registry import source_class
from sandbox.company import Company
from sandbox.server import running
from tests.dbt.project import Project
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.timeout(500)]

SEED, PEOPLE, DAYS = 11, 3_000, 5
OBJECTS = {"salesforce": ("account", "contact", "lead"), "hubspot": ("contacts",)}
MAP = (
    "select source, object, record_id, surviving_record_id, merge_noticed_at from identity.int_identity__merged_records"
)

Alias = tuple[str, str, str]


def merges(company: Company) -> dict[Alias, str]:
    """Who is merged into whom, one step, as the systems show it today."""
    found = {}
    for name in ("Account", "Contact", "Lead"):
        for row in company.tables[f"salesforce.{name}"].select(["Id", "MasterRecordId"]).to_pylist():
            if row["MasterRecordId"]:
                found["salesforce", name.lower(), row["Id"]] = row["MasterRecordId"]
    for row in company.tables["hubspot.contacts"].select(["id", "hs_merged_object_ids"]).to_pylist():
        for old in filter(None, (row["hs_merged_object_ids"] or "").split(";")):
            found["hubspot", "contact", old] = row["id"]
    return found


def ends(steps: Mapping[Alias, str]) -> dict[Alias, str]:
    """Each to the end of its way."""
    found = {}
    for alias in steps:
        source, kind, into = alias[0], alias[1], steps[alias]
        while (source, kind, into) in steps:
            into = steps[source, kind, into]
        found[alias] = into
    return found


def extracted(sandbox: object, project: Project, spool: Path) -> None:
    """One day's landing of what can be merged."""
    for name, objects in OBJECTS.items():
        source = source_class(name).from_environment(sandbox.environment())  # type: ignore[attr-defined]
        try:
            for result in run(source, objects, lambda: DuckDBWarehouse.open(project.warehouse), spool_root=spool):
                assert result.error is None, result.error
        finally:
            source.close()


def test_the_map_is_what_the_systems_merged(project: Project, tmp_path: Path) -> None:
    company, steps = Company(seed=SEED, people=PEOPLE), {}
    with running(people=PEOPLE, seed=SEED) as sandbox:
        extracted(sandbox, project, tmp_path)
        before = merges(company)
        for _ in range(DAYS):
            company.advance()
            sandbox.advance()
            extracted(sandbox, project, tmp_path)
            # What was seen stays true: a survivor that is gone the next day takes its list along.
            steps |= merges(company)
    assert before.keys() <= steps.keys()
    expected = ends(steps)
    assert {(source, kind) for source, kind, _ in expected} >= {
        ("salesforce", "contact"), ("salesforce", "lead"), ("hubspot", "contact")
    }  # fmt: skip
    project.run("build", "--select", "+int_identity__merged_records", "--exclude-resource-type", "unit_test")
    rows = project.rows(MAP)
    assert len(rows) == len({row[:3] for row in rows})
    assert {row[:3]: row[3] for row in rows} == expected
    # All of them were there before they were merged, so each was noticed.
    noticed = {row[:3]: row[4] for row in rows if row[:3] not in before}
    assert noticed
    assert all(isinstance(at, datetime) for at in noticed.values()), noticed


def test_the_map_of_no_merges_is_empty(project: Project) -> None:
    project.run("build", "--select", "int_identity__merged_records", "+int_identity__merged_records",
                "--resource-type", "model")  # fmt: skip
    assert project.rows(MAP) == []


def test_a_long_chain_and_a_large_circle_end(project: Project) -> None:
    project.execute("create schema raw_salesforce")
    project.execute(
        "create table raw_salesforce.contact as"
        " select 'c' || n as id, 'c' || (n + 1) as master_record_id, true as is_deleted, true as _is_deleted"
        " from range(500) as t (n) union all"
        " select 'o' || n, 'o' || ((n + 1) % 500), true, true from range(500) as t (n)"
    )
    project.run("run", "--select", "+int_identity__merged_records")
    assert project.rows("select count(*), min(surviving_record_id), max(surviving_record_id)"
                        " from identity.int_identity__merged_records") == [(500, "c500", "c500")]  # fmt: skip
