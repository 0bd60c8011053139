"""The script that sets Snowflake up: it parses, and it is in step with the profile and the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from tests.snowflake.dialect import unknown_functions
from warehouse.base import WarehouseError
from warehouse.profile import Target
from warehouse.snowflake import SnowflakeWarehouse

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "docs" / "examples" / "snowflake_setup.sql").read_text()
PROFILE = (ROOT / "profiles.yml.example").read_text()
WORKLOADS = {"braid_loading", "braid_building", "braid_building_large", "braid_reading"}
# What sqlglot has no grammar for: its words are checked here.
MONITOR = re.compile(
    r"create resource monitor if not exists (\w+) with credit_quota = \d+ frequency = monthly"
    r" start_timestamp = immediately triggers( on \d+ percent do (notify|suspend|suspend_immediate))+"
)
WAREHOUSE = re.compile(
    r"create warehouse if not exists (?P<name>\w+) warehouse_size = '(?P<size>XSMALL|SMALL|MEDIUM|LARGE)'"
    r" auto_suspend = \d+ auto_resume = true initially_suspended = true statement_timeout_in_seconds = \d+"
    r" comment = '(?P<comment>[^']*)'"
)
BY_HAND = (
    MONITOR,
    WAREHOUSE,
    re.compile(r"alter warehouse \w+ set resource_monitor = \w+"),
    re.compile(r"create role if not exists \w+"),
    re.compile(r"create database if not exists \w+ data_retention_time_in_days = \d+"),
    re.compile(r"create schema if not exists \w+\.\w+ data_retention_time_in_days = \d+"),
    re.compile(r"grant (usage|create schema) on (warehouse|database|schema) [\w.]+ to role \w+"),
    re.compile(r"grant ownership on schema [\w.]+ to role \w+ copy current grants"),
    re.compile(r"grant select on ((future|all) (tables|views) in schema|view) [\w.]+ to role \w+"),
    re.compile(r"grant role \w+ to role \w+"),
    re.compile(r"use role \w+"),
)


def statements() -> list[str]:
    bare = re.sub(r"--[^\n]*", "", SCRIPT)
    return [" ".join(one.split()) for one in bare.split(";") if one.strip()]


def test_every_statement_is_read_by_sqlglot_or_by_the_grammar_above() -> None:
    parsed = sqlglot.parse(SCRIPT, read="snowflake", error_level=sqlglot.ErrorLevel.RAISE)
    assert len([one for one in parsed if one is not None and not isinstance(one, exp.Semicolon)]) == len(statements())
    left = [one for one in statements() if not any(known.fullmatch(one) for known in BY_HAND)]
    assert [one.split(" as ")[0] for one in left] == ["create or replace view braid.ops.query_costs"]
    assert not unknown_functions(left[0])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("credit_quota = 150", "credit_quota = many"), ("do notify", "do shout"), ("= monthly", "= sometimes")],
)
def test_the_grammar_refuses_what_snowflake_does(right: str, wrong: str) -> None:
    good = next(one for one in statements() if one.startswith("create resource monitor"))
    assert MONITOR.fullmatch(good)
    assert right in good
    assert not MONITOR.fullmatch(good.replace(right, wrong))


def test_every_workload_has_a_warehouse_with_a_limit_and_a_timeout() -> None:
    made = {found["name"]: found["size"] for one in statements() if (found := WAREHOUSE.fullmatch(one))}
    assert made.keys() == WORKLOADS
    limited = {found[1] for one in statements() if (found := re.match(r"alter warehouse (\w+) set resource", one))}
    assert limited == WORKLOADS
    for workload, size in (("building", made["braid_building"]), ("building", made["braid_building_large"]),
                           ("loading", made["braid_loading"]), ("reading", made["braid_reading"])):  # fmt: skip
        assert re.search(rf"# +{workload}\b.*\b{size}\b", PROFILE)


def test_administrators_have_the_roles_before_a_schema_goes_to_one() -> None:
    """Who owns a database may still make nothing in a schema of it that another role owns, as the view of costs is."""
    every = statements()
    assert every[0] == "use role accountadmin"
    owners = {found[1] for one in every if (found := re.match(r"grant ownership on .* to role (\w+)", one))}
    assert owners == {"braid_writer"}
    given = [every.index(f"grant role {owner} to role sysadmin") for owner in owners]
    assert max(given) < min(place for place, one in enumerate(every) if one.startswith("grant ownership"))


@pytest.mark.parametrize("kind", ["tables", "views"])
def test_the_reader_reads_marts_that_are_there_and_those_to_come(kind: str) -> None:
    for which in ("all", "future"):
        assert f"grant select on {which} {kind} in schema braid.marts to role braid_reader" in statements()


def test_settings_of_the_profile_are_those_the_project_reads() -> None:
    project = (ROOT / "dbt_project.yml").read_text()
    assert "env_var('SNOWFLAKE_WAREHOUSE')" in PROFILE
    assert "env_var('SNOWFLAKE_LARGE_WAREHOUSE'" in project
    for name in ("SNOWFLAKE_LARGE_WAREHOUSE", "SNOWFLAKE_LOADING_WAREHOUSE"):
        assert name in PROFILE


def test_the_view_of_costs_has_the_columns_of_the_table_it_replaces() -> None:
    view = next(one for one in sqlglot.parse(SCRIPT, read="snowflake") if isinstance(one, exp.Create) and
                one.kind == "VIEW")  # fmt: skip
    sources = (ROOT / "models" / "ops" / "_ops__sources.yml").read_text()
    declared = re.findall(r"- name: (\w+)\n            data_type", sources[sources.index("- name: query_costs") :])
    assert view.expression.named_selects == declared
    # Queries are found by how their tag begins: as the macro writes it.
    macro = (ROOT / "macros" / "run" / "query_tags.sql").read_text()
    assert macro.index("'app': 'braid'") < macro.index("'node_id'")
    assert """like '{"app": "braid"%'""" in SCRIPT


@pytest.mark.parametrize("loading", [None, "BRAID_LOADING"])
def test_what_lands_has_compute_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loading: str | None
) -> None:
    given: dict[str, Any] = {}

    def connect(**settings: Any) -> Any:
        given.update(settings)
        raise ConnectionError

    monkeypatch.setattr("snowflake.connector.connect", connect)
    monkeypatch.delenv("SNOWFLAKE_LOADING_WAREHOUSE", raising=False)
    if loading:
        monkeypatch.setenv("SNOWFLAKE_LOADING_WAREHOUSE", loading)
    settings = {"account": "a", "user": "u", "password": "p", "database": "D", "warehouse": "BRAID_BUILDING"}
    with pytest.raises((ConnectionError, WarehouseError)):
        SnowflakeWarehouse.connect(Target("snowflake", "snowflake", settings, tmp_path, tmp_path))
    assert given["warehouse"] == (loading or "BRAID_BUILDING")
