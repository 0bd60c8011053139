"""A contract's word on schema changes: fatal fails the build until it is accepted, warn says so, ignore is silent."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from contracts import ContractError, build, schema_changes
from contracts.reading import HERE
from extract import drift
from tests.dbt.project import Project

pytestmark = [pytest.mark.timeout(300)]

FATAL, WARN = "assert_no_fatal_schema_change_is_open", "assert_schema_changes_are_accepted"
SELECTED = ("--select", "int_ops__judged_schema_changes")
SEEN = ("salesforce", "contact", "email", "type_changed", "2026-02-01 23:30:00")
NOTED = [
    SEEN,
    ("salesforce", "contact", "fax", "column_removed", "2026-02-01 10:00:00"),
    ("salesforce", "account", "x_y", "column_added", "2026-02-02 10:00:00"),
    ("hubspot", "contacts", "hs_new", "column_added", "2026-02-02 10:00:00"),
    ("hubspot", "contacts", "hs!odd%", "column_removed", "2026-02-02 10:00:00"),
]


def rules(folder: Path, text: str) -> Path:
    """The contract's file with these words."""
    path = folder / "schema_changes.yml"
    path.write_text(text)
    return path


def noted(project: Project, text: str, folder: Path) -> None:
    """Books with changes in them, and the seed of a contract in place of the shipped one."""
    project.execute("create schema if not exists ops")
    project.execute(
        "create or replace table ops.schema_changes (source varchar, object varchar, column_name varchar,"
        " change varchar, old_type varchar, new_type varchar, run_id varchar, noticed_at timestamp,"
        " backfilled_at timestamp)"
    )
    listed = ", ".join(
        f"('{s}', '{o}', '{f}', '{c}', 'string', 'int64', 'run-1', timestamp '{at}', null)" for s, o, f, c, at in NOTED
    )
    project.execute(f"insert into ops.schema_changes values {listed}")
    project.execute(
        "insert into ops.schema_changes (source, object, change, run_id, noticed_at)"
        " values ('salesforce', 'contact', 'table_created', 'run-0', timestamp '2026-01-01')"
    )
    project.run("seed", "--select", "schema_change_rules")
    found = schema_changes.read(rules(folder, text))
    project.execute("delete from contracts.schema_change_rules")
    for row in schema_changes.rows(found):
        cells = ", ".join("null" if cell is None else f"'{cell}'" for cell in row)
        project.execute(f"insert into contracts.schema_change_rules values ({cells})")


def outcomes(project: Project) -> dict[str, tuple[str, int]]:
    """Status and rows of both tests in the last run."""
    return {
        name: (result["status"], result["failures"])
        for result in project.artifact("run_results.json")["results"]
        for name in (FATAL, WARN)
        if f".{name}" in result["unique_id"]
    }


# Built without the seed: the one in the warehouse is the test's.
BUILD = ("build", *SELECTED)

EMAIL_IS_FATAL = """
default: ignore
rules:
  - source: salesforce
    object: contact
    field: email
    change: [column_removed, type_changed]
    severity: fatal
"""


def test_a_fatal_change_fails_the_build_and_names_itself(project: Project, tmp_path: Path) -> None:
    noted(project, EMAIL_IS_FATAL, tmp_path)
    with pytest.raises(AssertionError, match=FATAL):
        project.run(*BUILD, "--store-failures")
    assert outcomes(project) == {FATAL: ("fail", 1), WARN: ("pass", 0)}
    ((table,),) = project.rows(
        f"select table_schema || '.' || table_name from information_schema.tables where table_name = '{FATAL}'"
    )
    assert project.rows(f"select source, object, field, change from {table}") == [SEEN[:4]]


@pytest.mark.parametrize(
    "accepted",
    ["accepted: 2026-02-01", "accepted: [{field: 'E*', until: 2026-02-01}]"],
    ids=["a day", "a list"],
)
def test_an_accepted_change_passes(project: Project, tmp_path: Path, accepted: str) -> None:
    noted(project, f"{EMAIL_IS_FATAL}    {accepted}\n", tmp_path)
    project.run(*BUILD)
    assert outcomes(project) == {FATAL: ("pass", 0), WARN: ("pass", 0)}


@pytest.mark.parametrize(
    "accepted",
    ["accepted: 2026-01-31", "accepted: [{field: fax, until: 2026-03-01}]"],
    ids=["noticed the day after", "another field"],
)
def test_what_is_accepted_is_no_more_than_is_said(project: Project, tmp_path: Path, accepted: str) -> None:
    noted(project, f"{EMAIL_IS_FATAL}    {accepted}\n", tmp_path)
    with pytest.raises(AssertionError, match=FATAL):
        project.run(*BUILD)
    assert outcomes(project)[FATAL] == ("fail", 1)


def test_the_shipped_contract_warns_of_every_change_and_fails_of_none(project: Project, tmp_path: Path) -> None:
    noted(project, (HERE / "schema_changes.yml").read_text(), tmp_path)
    project.run(*BUILD)
    assert outcomes(project) == {FATAL: ("pass", 0), WARN: ("warn", len(NOTED))}


def test_ignore_is_silent_and_the_first_rule_decides(project: Project, tmp_path: Path) -> None:
    text = """
default: warn
rules:
  - {source: hubspot, field: "hs_*", severity: ignore}
  - {source: hubspot, severity: fatal, accepted: 2026-02-02}
  - {source: HUBSPOT, severity: fatal}
  - {object: "?ccount", field: "x?y", change: column_added, severity: ignore}
"""
    noted(project, text, tmp_path)
    project.run(*BUILD)
    assert outcomes(project) == {FATAL: ("pass", 0), WARN: ("warn", 2)}
    # Python decides as the warehouse does.
    found = schema_changes.read(rules(tmp_path, text))
    judged = project.rows(
        "select source, object, column_name, change, noticed_at, severity, is_accepted"
        " from staging.int_ops__judged_schema_changes"
    )
    assert len(judged) == len(NOTED)
    assert {row[:5]: found.judged(*row[:5]) for row in judged} == {row[:5]: row[5:] for row in judged}
    said = {(row[1], row[2]): row[5:] for row in judged}
    assert said["contacts", "hs_new"] == ("ignore", False)
    assert said["contacts", "hs!odd%"] == ("fatal", True)
    assert said["account", "x_y"] == ("ignore", False)
    assert said["contact", "email"] == ("warn", False)


def test_books_that_were_never_opened_are_no_change(project: Project) -> None:
    project.run("build", "--select", "schema_change_rules", "int_ops__judged_schema_changes")
    assert outcomes(project) == {FATAL: ("pass", 0), WARN: ("pass", 0)}


def test_the_contract_speaks_of_the_changes_that_extraction_notes() -> None:
    assert set(schema_changes.CHANGES) == {drift.ADDED, drift.REMOVED, drift.RETYPED}


def test_signs_that_like_reads_are_escaped() -> None:
    assert schema_changes.like("a_b%*!?") == "a!_b!%%!!_"


def test_the_seed_keeps_the_order_of_the_rules(tmp_path: Path) -> None:
    for path in HERE.glob("*.yml"):
        shutil.copy(path, tmp_path)
    rules(tmp_path, f"{EMAIL_IS_FATAL}    accepted: [{{field: email, until: 2026-02-01}}]\n")
    rows = list(csv.DictReader(io.StringIO(build.rendered(tmp_path)["schema_change_rules.csv"])))
    assert [(row["rule_rank"], row["change"], row["severity"], row["accepted_until"]) for row in rows] == [
        ("1", "column_removed", "fatal", "2026-02-01"),
        ("1", "type_changed", "fatal", "2026-02-01"),
        ("2", "column_added", "ignore", ""),
        ("2", "column_removed", "ignore", ""),
        ("2", "type_changed", "ignore", ""),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: loud\n", "schema_changes.yml: default is 'loud'; it must be one of fatal, warn, ignore."),
        ("default: warn\nrules: x\n", "rules must be a list; write [] for none."),
        ("default: warn\nrules: [{severity: bad}]\n", "rule 1: severity is 'bad'; it must be one of"),
        ("default: warn\nrules: [{source: a}]\n", "rule 1 lacks severity."),
        ("default: warn\nrules: [{severity: warn, column: a}]\n", "rule 1 has the unknown key 'column'"),
        ("default: warn\nrules: [{severity: warn, change: narrowed}]\n", "change is 'narrowed'; it must be one of"),
        ("default: warn\nrules: [{severity: warn, change: []}]\n", "change lists nothing"),
        ("default: warn\nrules: [{severity: warn, field: ''}]\n", "field is empty; leave it out"),
        ("default: warn\nrules: [{severity: warn, accepted: true}]\n", "accepted is True; it must be a day such as"),
        ("default: warn\nrules: [{severity: warn, accepted: [{field: a}]}]\n", "accepted 1: until is None; it must be"),
        ("default: warn\nrules: [{severity: warn, accepted: [{until: 2026-01-01}]}]\n", "accepted 1 lacks field."),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        schema_changes.read(rules(tmp_path, text))
    assert said in str(caught.value)
    assert str(caught.value).startswith("schema_changes.yml")


def test_a_day_is_the_whole_day_in_utc(tmp_path: Path) -> None:
    found = schema_changes.read(rules(tmp_path, f"{EMAIL_IS_FATAL}    accepted: 2026-02-01\n"))
    email = ("salesforce", "contact", "email", "type_changed")
    assert found.judged(*email, datetime(2026, 2, 1, 23, 59, 59)) == ("fatal", True)
    assert found.judged(*email, datetime(2026, 2, 2)) == ("fatal", False)
