"""The staging models derived from a plan: committed as derived, typed as planned, the same on both warehouses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import ContractError
from contracts.plan import FOLDER, events, files_of, staging
from contracts.plan.columns import RESERVED, models
from tests.dbt.project import ROOT
from tests.plan.generators import entry, plan_files
from tests.snowflake.dialect import unknown_functions

pytestmark = [pytest.mark.timeout(300)]
ANY_NAME = "naming: {events: any, properties: any}"
TEXT = {"type": "string", "description": "A text."}

FIRST = {
    "type": "object",
    "required": ["amount", "kind"],
    "properties": {
        "amount": {"type": "integer", "description": "In cents."},
        "kind": {"type": "string", "enum": ["a", "b"], "description": "Kind."},
        "old_one": TEXT,
    },
}
SECOND = {
    "type": "object",
    "required": ["amount", "kind", "happenedAt"],
    "properties": {
        "amount": {"type": ["number", "null"], "description": "In units {{ of }} {% money %}."},
        "kind": {"type": "string", "enum": ["b", "it's"], "description": "Kind."},
        "happenedAt": {"type": "string", "format": "date-time", "description": "When."},
        "on_day": {"type": "string", "format": "date", "description": "Day."},
        "count": {"type": "integer", "description": "How many."},
        "is_gift": {"type": "boolean", "description": "Whether it is a gift."},
        "lines": {"type": "array", "items": TEXT, "description": "Lines."},
        "order": TEXT,
        "user_id": {**TEXT, "pii": "email"},
    },
}
NAME = "Thing's Done; drop table -- /* ü */"
CALLS: list[dict[str, Any]] = [
    {"id": "m1", "properties": {"amount": 250, "kind": "a", "old_one": "x"},
     "context": {"protocols": {"event_version": 1}}},
    {"id": "m2", "properties": {"amount": 2.5, "kind": "it's", "happenedAt": "2026-01-01T00:30:00.250+02:00",
                                "on_day": "2026-02-03", "count": 3.0, "is_gift": True, "lines": ["a", "b"],
                                "order": "first", "user_id": "u@x.example"}},
    {"id": "m3", "properties": {"amount": "much", "kind": "z", "happenedAt": "soon", "on_day": "never", "count": 1.5,
                                "is_gift": "perhaps", "lines": None, "order": 5}},
    {"id": "m4", "properties": {"amount": -1, "happenedAt": "2026-01-01T12:00:00", "count": 10**30, "is_gift": False}},
    {"id": "m5", "properties": None},
    {"id": "m6", "event": "Thing's Done", "properties": {"amount": 1}},
    {"id": "m7", "type": "page", "properties": {"url": "https://x.example/"}},
]  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> dict[str, str]:
    page = {"type": "object", "properties": {"url": TEXT}}
    return plan_files(
        entry(NAME, 1, FIRST),
        entry(NAME, 2, SECOND),
        entry(None, type="page", body=page),  # type: ignore[arg-type]
        settings=ANY_NAME,
    )


def literal(value: Any) -> str:
    if value is None:
        return "cast(null as varchar)"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"cast('{text.replace(chr(39), chr(39) * 2)}' as varchar)"


def calls_model() -> str:
    rows = []
    for call in CALLS:
        columns = {
            "message_id": call["id"], "user_id": "u", "anonymous_id": None, "event_type": call.get("type", "track"),
            "event_name": call.get("event", NAME), "context": call.get("context"), "properties": call["properties"],
            "traits": None, "consent": None, "region": None, "event_source": "test", "payload": None,
        }  # fmt: skip
        said = [f"{literal(value)} as {name}" for name, value in columns.items()]
        said += [
            f"cast('2026-01-01 00:00:00' as timestamp) as {at}" for at in ("occurred_at", "received_at", "extracted_at")
        ]
        rows.append(f"select {', '.join(said)}")
    return "\nunion all\n".join(rows)


Built = Mapping[str, Any]


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def built(request: pytest.FixtureRequest, plan: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp(request.param)
    project = folder / "project"
    home = project / "models"
    home.mkdir(parents=True)
    (project / "dbt_project.yml").write_text(
        'name: braid\nversion: "1.0.0"\nprofile: braid\nflags: {send_anonymous_usage_stats: false}\n'
        'vars: {schema_prefix: ""}\n'
    )
    (project / "macros").symlink_to(ROOT / "macros")
    (home / "shared_columns.md").symlink_to(ROOT / "models" / "shared_columns.md")
    (home / "stg_events__events.sql").write_text(calls_model())
    staging.build(plan, home / "plan")
    names = [model.name for model in models(events.read(plan).events)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.plan.staging_worker", request.param, project, folder, *names],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    found["target"] = request.param
    found["compiled"] = list((folder / "target" / "compiled").rglob("*.sql"))
    return found


def columns(plan: Mapping[str, str], name: str) -> list[str]:
    (model,) = [one for one in models(events.read(plan).events) if one.name == name]
    return [
        "message_id", "user_id", "anonymous_id", *(column.name for column in model.columns),
        "event_version", "event_source", "consent", "region", "occurred_at", "received_at", "extracted_at",
    ]  # fmt: skip


MODEL = "stg_events__thing_s_done_drop_table"


def test_every_property_is_a_typed_column_of_its_version(built: Built, plan: dict[str, str]) -> None:
    names = columns(plan, MODEL)
    rows = [dict(zip(names, row, strict=True)) for row in built["rows"][MODEL]]
    assert [row["message_id"] for row in rows] == ["m1", "m2", "m3", "m4", "m5"]
    facts = [{name: value for name, value in row.items() if name in names[3:-6]} for row in rows]
    # In cents in version 1, in units in version 2: one column would mix them.
    assert facts[0] == {
        "amount": None, "amount_v1": 250, "kind": "a", "happened_at": None, "on_day": None, "count": None,
        "is_gift": None, "lines": None, "property_order": None, "property_user_id": None, "old_one": "x",
        "event_version": 1,
    }  # fmt: skip
    assert facts[1]["amount"] == "2.500000000"
    assert facts[1]["amount_v1"] is None
    assert facts[1]["happened_at"] == "2025-12-31 22:30:00.250000"
    assert (facts[1]["on_day"], facts[1]["count"], facts[1]["is_gift"]) == ("2026-02-03", 3, True)
    assert json.loads(facts[1]["lines"]) == ["a", "b"]
    assert (facts[1]["property_order"], facts[1]["property_user_id"]) == ("first", "u@x.example")
    # What is not of its type is null, never something near it.
    for name in ("amount", "happened_at", "on_day", "count", "is_gift", "lines"):
        assert facts[2][name] is None, name
    assert (facts[2]["kind"], facts[2]["property_order"]) == ("z", "5")
    assert (facts[3]["happened_at"], facts[3]["count"], facts[3]["is_gift"]) == ("2026-01-01 12:00:00", None, False)
    assert all(facts[4][name] is None for name in facts[4] if name != "event_version")
    assert [row["event_version"] for row in facts] == [1, 2, 2, 2, 2]


def test_calls_of_other_kinds_and_names_are_in_models_of_their_own(built: Built) -> None:
    assert [row[0] for row in built["rows"]["stg_events__pages"]] == ["m7"]


def test_what_a_plan_promises_is_tested(built: Built) -> None:
    warned = " ".join(built["warned"])
    assert f"not_null_{MODEL}_kind" in warned
    assert f"not_null_{MODEL}_happened_at" in warned
    assert f"accepted_values_{MODEL}_kind" in warned
    # Null is one of its values in the newest version, and version 1 has a column of its own.
    assert f"not_null_{MODEL}_amount_v1" not in warned.split()


def test_snowflake_knows_every_function(built: Built) -> None:
    if built["target"] == "snowflake":
        assert built["compiled"]
        for path in built["compiled"]:
            assert unknown_functions(path.read_text()) == set(), path.name


def test_the_committed_models_are_what_the_plan_says() -> None:
    assert staging.check(files_of(FOLDER)) == []


def test_building_repairs_what_is_stale_and_removes_what_has_no_event(plan: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    assert [path.name for path in staging.build(plan, folder)] == [
        "_plan__models.yml",
        "stg_events__pages.sql",
        f"{MODEL}.sql",
    ]
    assert staging.build(plan, folder) == []
    (folder / "stg_events__pages.sql").write_text("edited")
    (folder / "stg_events__gone.sql").write_text("of an event that was removed")
    (folder / "_plan__models.yml").unlink()
    stale = staging.check(plan, folder)
    assert [path.name for path in stale] == ["_plan__models.yml", "stg_events__gone.sql", "stg_events__pages.sql"]
    assert staging.build(plan, folder) == stale
    assert staging.check(plan, folder) == []
    assert sorted(path.name for path in staging.build(plan_files(), folder)) == [
        "_plan__models.yml", "stg_events__pages.sql", f"{MODEL}.sql",
    ]  # fmt: skip
    assert list(folder.iterdir()) == []


def test_the_properties_file_documents_tags_and_tests(plan: dict[str, str]) -> None:
    said = yaml.safe_load(staging.rendered(plan)["_plan__models.yml"])
    (model,) = [one for one in said["models"] if one["name"] == MODEL]
    assert model["config"]["meta"] == {
        "owner": "team",
        "purpose": "analytics",
        "category": "things",
        "versions": [1, 2],
    }
    described = {column["name"]: column for column in model["columns"]}
    assert list(described)[3:-7] == columns(plan, MODEL)[3:-7]
    assert described["property_user_id"]["config"] == {"tags": ["pii"], "meta": {"pii": "email"}}
    assert described["amount"]["description"] == "In units { { of }} { % money %}. Of version 2 only."
    (required,) = described["happened_at"]["data_tests"]
    assert required == {"not_null": {"config": {"severity": "warn", "where": "event_version in (2)"}}}
    assert described["kind"]["data_tests"][1]["accepted_values"]["arguments"] == {"values": ["b", "it''s", "a"]}
    assert "data_tests" not in described["count"]


def test_the_settings_say_whether_a_broken_promise_stops_the_build() -> None:
    text = staging.rendered(plan_files(entry(body=FIRST), settings="staging_tests: error"))["_plan__models.yml"]
    assert "severity: error" in text
    assert "severity: warn" not in text


def test_a_plan_with_problems_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"^event_0\.yml:1: owner is 'nobody'.*`braid plan lint` lists all"):
        staging.build(plan_files(entry(owner="nobody")), tmp_path)
    with pytest.raises(ContractError, match=r"^event_0\.yml:1: Events would be the model stg_events__events"):
        staging.build(plan_files(entry("Events")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_reserved_word_of_duckdb_becomes_a_bare_column() -> None:
    import duckdb

    listed = duckdb.sql("select keyword_name from duckdb_keywords() where keyword_category = 'reserved'").fetchall()
    assert {word for (word,) in listed} <= RESERVED
