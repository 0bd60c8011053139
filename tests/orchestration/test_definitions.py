"""The definitions as the server loads them: no warnings, one graph, everything attached, everything scheduled."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.defs.segment.schedules import stands_on
from orchestration.lib import catalog
from orchestration.lib.batches import CHECK_NAME as LANDED_BATCH
from orchestration.lib.extraction import declared_sources
from orchestration.lib.freshness import CHECK_NAME as SOURCE_FRESHNESS
from orchestration.lib.freshness import Limits, source_limits
from orchestration.lib.project import manifest
from orchestration.lib.proof import counted_keys
from orchestration.lib.staleness import policies
from tests.orchestration.conftest import ROOT

pytestmark = pytest.mark.timeout(120)
EXTRACTED = {key for source in catalog.SOURCES for key in catalog.keys(source)}
SANDBOX = {
    "SALESFORCE_URL": "http://127.0.0.1:9",
    "SALESFORCE_CLIENT_ID": "sandbox",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "HUBSPOT_ACCESS_TOKEN": "sandbox-token",
    "SEGMENT_ARCHIVE_URL": "file:///nowhere",
    "SEGMENT_SPACE_ID": "sandbox",
    "SEGMENT_ACCESS_TOKEN": "sandbox-token",
}


def test_definitions_load_without_a_warning() -> None:
    # Only what a dependency's dependency says about itself is let through.
    quiet = ["-W", "error", "-W", "ignore:sqlglotrs is deprecated"]
    code = "import dagster as dg; from orchestration.definitions import defs; dg.Definitions.validate_loadable(defs)"
    done = subprocess.run(
        [sys.executable, *quiet, "-c", code], capture_output=True, text=True, timeout=100, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_needs_neither_settings_nor_profile_nor_great_expectations(workshop: Path) -> None:
    (workshop / "profiles.yml").unlink()
    code = "import sys; import orchestration.definitions; print('great_expectations' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"
    assert not (workshop / "braid.duckdb").exists()


def test_nothing_private_of_dagster_is_imported() -> None:
    for module in (ROOT / "orchestration").rglob("*.py"):
        assert not re.search(r"(from|import) dagster[a-z_]*\._", module.read_text()), module


def test_dbt_sources_and_extracted_objects_are_the_same() -> None:
    declared = declared_sources(manifest())
    landed = {catalog.declared_key(key) for key in EXTRACTED}
    # The other books are Braid's own and dbt's: written with every landing and every run, not extracted.
    assert {key for key in declared if key.path[0] not in ("ops", "dbt")} == landed - {catalog.DEAD_LETTERS}
    for source in catalog.SOURCES:
        for key, name in catalog.keys(source).items():
            table = declared[catalog.declared_key(key)]
            assert (table["schema"], table["name"]) == catalog.raw_table(source, name)


def test_extraction_and_models_are_one_graph() -> None:
    graph = defs.resolve_asset_graph()
    assert set(graph.materializable_asset_keys) >= EXTRACTED
    # Dead letters wait for people: a model may be built on them, and none has to be.
    assert {key for key in EXTRACTED if not graph.get(key).child_keys} <= {catalog.DEAD_LETTERS}
    reached, todo = set(), list(EXTRACTED)
    while todo:
        key = todo.pop()
        if key not in reached:
            reached.add(key)
            todo += graph.get(key).child_keys
    assert dg.AssetKey(["identity", "customer_master"]) in reached
    assert dg.AssetKey(["marts", "customer_360"]) in reached


def test_every_extracted_object_has_its_checks_and_the_batch_check_blocks() -> None:
    graph = defs.resolve_asset_graph()
    specs = {spec.key: spec for checks in defs.asset_checks or () for spec in getattr(checks, "check_specs", ())}
    attached = {(key.asset_key, key.name) for key in graph.asset_check_keys}
    for key in EXTRACTED:
        assert (key, LANDED_BATCH) in attached
        assert specs[dg.AssetCheckKey(key, LANDED_BATCH)].blocking
    assert {key for key, name in attached if name == SOURCE_FRESHNESS} == set(source_limits(manifest()))


def test_every_dbt_test_of_a_model_is_a_check() -> None:
    attached = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    tests = [
        node["name"]
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "test" and str(node.get("attached_node") or "").startswith("model.")
    ]
    assert len(tests) > 50
    assert set(tests) <= attached


def test_every_step_that_writes_the_warehouse_is_in_its_pool() -> None:
    for name in ("nightly", "events", "extract_all", "freshness", "recount", "sweep"):
        nodes = defs.resolve_job_def(name).nodes
        assert nodes
        assert {node.definition.pool for node in nodes} == {"warehouse"}


def test_assets_have_groups_descriptions_and_the_owners_of_dbt() -> None:
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert all(spec.description and spec.group_name not in (None, "default") for spec in specs.values() if spec.kinds)
    contact = specs[dg.AssetKey(["salesforce", "contact"])]
    assert (contact.group_name, list(contact.owners)) == ("raw_salesforce", ["team:sales"])
    assert specs[dg.AssetKey(["identity", "customer_master"])].group_name == "identity"


def test_customer_master_may_not_be_older_than_12_hours() -> None:
    key = dg.AssetKey(["identity", "customer_master"])
    assert policies(manifest())[key] <= timedelta(hours=12)
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert specs[key].freshness_policy is not None


def test_a_source_never_read_is_as_late_as_can_be() -> None:
    limits = Limits(timedelta(hours=3), timedelta(hours=26))
    ages = (timedelta(hours=2), timedelta(hours=4), timedelta(hours=27), None)
    assert [limits.judge(age) for age in ages] == ["fresh", "late", "stale", "stale"]
    assert Limits(None, None).judge(None) == "fresh"


def tick(name: str, instance: dg.DagsterInstance | None = None) -> dg.RunRequest | dg.SkipReason:
    schedule = defs.resolve_schedule_def(name)
    moment = datetime(2026, 1, 5, 2, tzinfo=UTC)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=moment) as context:
        found = schedule.evaluate_tick(context)
    if found.run_requests:
        (request,) = found.run_requests
        return request
    return dg.SkipReason(found.skip_message)


@pytest.mark.parametrize(
    "name", ["every_night", "every_noon", "every_hour", "every_half_past", "every_dawn", "every_sunday"]
)
def test_schedules_skip_with_the_reason_when_nothing_is_configured(name: str) -> None:
    skipped = tick(name)
    assert isinstance(skipped, dg.SkipReason)
    assert "SEGMENT_ARCHIVE_URL" in str(skipped.skip_message)


def test_the_night_selects_the_configured_sources_and_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "a-token")
    monkeypatch.setenv("SEGMENT_ARCHIVE_URL", "file:///nowhere")
    request = tick("every_night")
    assert isinstance(request, dg.RunRequest)
    selected = set(request.asset_selection or ())
    assert selected & EXTRACTED == {*catalog.keys("hubspot"), catalog.EVENTS}
    assert dg.AssetKey(["marts", "customer_360"]) in selected
    # The job can be cut down to it.
    assert defs.resolve_job_def("nightly").get_subset(asset_selection=selected).nodes


def test_noon_fills_in_where_no_events_keep_customers_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "a-token")
    assert isinstance(tick("every_noon"), dg.RunRequest)
    monkeypatch.setenv("SEGMENT_ARCHIVE_URL", "file:///nowhere")
    skipped = tick("every_noon")
    assert isinstance(skipped, dg.SkipReason)
    assert "every hour" in str(skipped.skip_message)


def test_freshness_is_asked_of_configured_sources_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "a-token")
    request = tick("every_half_past")
    assert isinstance(request, dg.RunRequest)
    assert {key.asset_key for key in request.asset_check_keys or ()} == set(catalog.keys("hubspot"))


@pytest.mark.parametrize("feed", catalog.FEEDS, ids=lambda key: key.path[-1])
def test_freshness_is_asked_of_the_feed_that_is_configured(monkeypatch: pytest.MonkeyPatch, feed: dg.AssetKey) -> None:
    monkeypatch.setenv("SEGMENT_ARCHIVE_URL" if feed == catalog.EVENTS else "BRAID_COLLECT_LOG", "file:///nowhere")
    request = tick("every_half_past")
    assert isinstance(request, dg.RunRequest)
    assert {key.asset_key for key in request.asset_check_keys or ()} == {feed}
    assert source_limits(manifest())[feed] == source_limits(manifest())[catalog.EVENTS]


def test_the_hour_reads_events_unless_the_hour_before_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_ARCHIVE_URL", "file:///nowhere")
    with dg.DagsterInstance.local_temp() as instance:
        # A first run builds the other sources' side; an hour that came before it would find no tables to join.
        early = tick("every_hour", instance)
        assert isinstance(early, dg.SkipReason)
        assert "first run of nightly" in str(early.skip_message)
        for key in stands_on():
            instance.report_runless_asset_event(dg.AssetMaterialization(key))
        assert isinstance(tick("every_hour", instance), dg.RunRequest)
        job = defs.resolve_job_def("events")
        assert not {key.path[-1] for key in stands_on()} & {"customer_master", "stg_events__events"}
        assert "extract_segment" in {node.name for node in job.nodes}
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        skipped = tick("every_hour", instance)
        assert isinstance(skipped, dg.SkipReason)
        assert run.run_id[:8] in str(skipped.skip_message)


@pytest.mark.parametrize("setting", ["SEGMENT_ARCHIVE_URL", "BRAID_COLLECT_LOG"])
def test_the_hour_reads_the_feeds_that_are_configured(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, "file:///nowhere")
    with dg.DagsterInstance.local_temp() as instance:
        for key in stands_on():
            instance.report_runless_asset_event(dg.AssetMaterialization(key))
        request = tick("every_hour", instance)
    assert isinstance(request, dg.RunRequest)
    selected = set(request.asset_selection or ())
    own = {catalog.EVENTS} if setting == "SEGMENT_ARCHIVE_URL" else {catalog.COLLECTED, catalog.DEAD_LETTERS}
    assert selected & EXTRACTED == own
    assert dg.AssetKey(["staging", "stg_events__events"]) in selected
    graph = defs.resolve_asset_graph()
    assert set(catalog.FEEDS) <= graph.get(dg.AssetKey(["staging", "stg_events__events"])).parent_keys


def test_configured_objects_are_those_whose_variables_are_there() -> None:
    keys, reasons = catalog.configured(SANDBOX)
    apart = {"files": "BRAID_FILES", "sql": "BRAID_SQL", "events": "BRAID_COLLECT_LOG"}
    assert set(keys) == EXTRACTED - {key for source in apart for key in catalog.keys(source)}
    assert [[setting for setting in apart.values() if setting in reason] for reason in reasons] == [
        [apart[source]] for source in catalog.SOURCES if source in apart
    ]
    keys, reasons = catalog.configured({})
    assert keys == []
    assert len(reasons) == len(catalog.SOURCES)


def test_tables_of_databases_are_assets_when_their_file_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sql.yml"
    table = {"name": "deals", "key": "id"}
    shop = {"name": "shop", "url": "mysql://${A}:${B}@${C}:${NO_SUCH}/d", "tables": [table]}
    file.write_text(json.dumps({"connections": [shop]}))
    monkeypatch.setenv("BRAID_SQL", str(file))
    shown = dg.AssetKey(["shop", "deals"])
    assert catalog.keys("sql")[shown] == "shop.deals"
    assert shown not in counted_keys()
    file.write_text(json.dumps({"connections": [shop | {"tables": [table | {"watermark": "at"}]}]}))
    assert counted_keys()[shown] == ("sql", "shop.deals")
    keys, reasons = catalog.configured({"BRAID_SQL": str(file)})
    assert keys == []
    assert [reason for reason in reasons if "the url needs A" in reason]
    reader = {"A": "reader", "B": "p@ss", "C": "db.example", "NO_SUCH": "3306"}
    keys, _ = catalog.configured({"BRAID_SQL": str(file), **reader})
    assert keys == [shown]
    code = (
        "import dagster as dg; from orchestration.definitions import defs; dg.Definitions.validate_loadable(defs);"
        "print(dg.AssetKey(['shop', 'deals']) in defs.resolve_asset_graph().materializable_asset_keys)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True, cwd=ROOT
    )
    assert done.stdout == "True\n"


def test_the_shipped_instance_loads_with_one_writer_and_no_telemetry(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "orchestration" / "dagster.yaml", tmp_path / "dagster.yaml")
    code = (
        "import json, dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    settings = instance.get_settings('concurrency')\n"
        "    print(json.dumps([instance.telemetry_enabled, settings['pools']['default_limit']]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
    )
    assert json.loads(done.stdout) == [False, 1]
    assert done.stderr == ""
