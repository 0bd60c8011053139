"""Assets and checks run in process against the sandbox, with the definitions that production has."""

from __future__ import annotations

import json
from collections.abc import Sequence

import dagster as dg
import duckdb
import pytest

from orchestration.definitions import defs
from orchestration.lib import batches, catalog
from orchestration.lib.batches import CHECK_NAME, check_batches
from orchestration.lib.expectations import Suite, keyed, one_of
from sandbox.server import Running

pytestmark = pytest.mark.timeout(120)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
OWNERS = dg.AssetKey(["hubspot", "owners"])
PIPELINES = dg.AssetKey(["hubspot", "pipelines"])


@pytest.fixture
def connected(company: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    return company


def extract(keys: Sequence[dg.AssetKey], *, of: dg.Definitions = defs) -> dg.ExecuteInProcessResult:
    instance = dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})
    return of.resolve_job_def("extract_all").execute_in_process(
        instance=instance, asset_selection=keys, raise_on_error=False, run_config=QUIET
    )


def query(sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect("braid.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_an_object_is_landed_checked_and_measured(connected: Running) -> None:
    result = extract([OWNERS, PIPELINES])
    assert result.success
    metadata = {
        event.asset_key: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    }
    assert set(metadata) == {OWNERS, PIPELINES}
    ((landed,),) = query("select count(*) from raw_hubspot.owners")
    assert metadata[OWNERS]["dagster/partition_row_count"] == metadata[OWNERS]["rows_inserted"] == landed
    assert metadata[OWNERS]["watermark"] == connected.health()["clock"].removesuffix("Z").removesuffix("+00:00")
    assert metadata[OWNERS]["seconds"] > 0
    assert metadata[OWNERS]["proof"] == "uncounted"
    assert metadata[OWNERS]["api_calls"] > 0
    checks = {
        check.asset_key: check for check in result.get_asset_check_evaluations() if check.check_name == CHECK_NAME
    }
    assert all(checks[key].passed for key in (OWNERS, PIPELINES))
    assert checks[OWNERS].metadata["rows"].value == landed
    assert query("select object, status from ops.batch_checks order by 1") == [
        ("owners", "passed"),
        ("pipelines", "passed"),
    ]


def test_only_what_is_selected_is_read_and_the_source_is_signed_in_to_once(connected: Running) -> None:
    connected.calls(reset=True)
    assert extract([PIPELINES]).success
    assert set(connected.calls()["hubspot"]) == {"owners", "pipelines deals"}


def test_an_unconfigured_source_fails_with_the_variable_and_is_not_tried_again(
    connected: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    result = extract([OWNERS])
    assert not result.success
    assert "HUBSPOT_ACCESS_TOKEN is not set" in said(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_wrong_credentials_fail_for_good_and_leave_no_trace_of_the_token(
    connected: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "planted-token-4711")
    result = extract([OWNERS])
    assert not result.success
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert "planted-token-4711" not in "".join(str(event) for event in result.all_events)


def said(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    assert event.step_failure_data.user_failure_data is not None
    return str(event.step_failure_data.user_failure_data.description)


def spoil(sql: str) -> None:
    with duckdb.connect("braid.duckdb") as connection:
        connection.execute(sql)


def check(suites: dict[str, Suite]) -> dict[str, str]:
    checked = check_batches("hubspot", suites, command="test", on_wait=lambda _: None)
    return {name: found.verdict.status for name, found in checked.items()}


def judged_rows(suite: Suite) -> int:
    found = check_batches("hubspot", {"owners": suite}, command="test", on_wait=lambda _: None)["owners"]
    assert found.verdict.status in ("passed", "warned")
    return found.verdict.rows + found.verdict.apart


def test_rows_that_break_an_expectation_wait_in_quarantine_and_the_others_flow(connected: Running) -> None:
    assert extract([OWNERS]).success
    ((bad, email), *_) = query("select id, email from raw_hubspot.owners order by id")
    spoil("delete from ops.batch_checks")
    spoil(f"update raw_hubspot.owners set email = 'nobody@shop.example' where id <> '{bad}'")
    only = {"owners": (*keyed("id"), *one_of("email", "nobody@shop.example"))}
    assert check(only) == {"owners": "warned"}
    marked = query("select id, _is_deleted, email from raw_hubspot.owners where _quarantined_at is not null")
    assert marked == [(bad, False, email)]
    (kept,) = query("select record_key, rule, rule_version, status, payload, reason from ops.quarantine")
    assert (kept[:2], kept[3]) == ((bad, "expect:one_of:email"), "open")
    assert len(kept[2]) == 8
    assert json.loads(kept[4])["email"] == email
    assert email not in kept[5]
    # Landed anew with a value that holds, it leaves the quarantine; with the bad one it would be back.
    moment = "timestamp '2026-01-05'"
    spoil(
        "update raw_hubspot.owners set _quarantined_at = null, "
        f"_run_id = 'again', email = 'nobody@shop.example' where id = '{bad}'"
    )
    spoil(
        "insert into ops.extract_runs (run_id, source, object, status, rows_landed, finished_at) "
        f"values ('again', 'hubspot', 'owners', 'succeeded', 1, {moment})"
    )
    assert check(only) == {"owners": "passed"}
    assert query("select status from ops.quarantine") == [("replayed",)]


@pytest.mark.parametrize("change", ["wider", "taken out", "other words"])
def test_a_changed_rule_judges_anew_what_the_old_one_set_apart(connected: Running, change: str) -> None:
    assert extract([OWNERS]).success
    ((bad, email), *_) = query("select id, email from raw_hubspot.owners order by id")
    spoil("delete from ops.batch_checks")
    spoil(f"update raw_hubspot.owners set email = 'nobody@shop.example' where id <> '{bad}'")
    apart = "select id from raw_hubspot.owners where _quarantined_at is not null"
    book = "select rule_version, status from ops.quarantine"
    old = (*keyed("id"), *one_of("email", "nobody@shop.example"))
    assert check({"owners": old}) == {"owners": "warned"}
    ((version, status),) = query(book)
    assert (query(apart), status) == ([(bad,)], "open")
    # The same rule has nothing new to judge.
    assert judged_rows(old) == 0
    assert query(apart) == [(bad,)]
    new = {
        "wider": (*keyed("id"), *one_of("email", "nobody@shop.example", str(email))),
        "taken out": keyed("id"),
        "other words": (*keyed("id"), *one_of("email", "nobody@shop.example", "somebody@shop.example")),
    }[change]
    assert judged_rows(new) > 0
    ((now, status),) = query(book)
    if change == "other words":
        assert (query(apart), status) == ([(bad,)], "open")
        assert now != version
    else:
        assert (query(apart), status) == ([], "replayed")
    assert judged_rows(new) == 0, "once is enough"


def test_a_row_that_vanished_is_judged_no_more(connected: Running) -> None:
    assert extract([OWNERS]).success
    ((bad, _), *_) = query("select id, email from raw_hubspot.owners order by id")
    spoil("delete from ops.batch_checks")
    spoil(f"update raw_hubspot.owners set email = 'nobody@shop.example' where id <> '{bad}'")
    only = (*keyed("id"), *one_of("email", "nobody@shop.example"))
    assert judged_rows(only) > 0
    # A sweep does not find it, and marks it with a run of its own.
    spoil(
        "update raw_hubspot.owners set _is_deleted = true, _deleted_how = 'swept', _run_id = 'swept'"
        f" where id = '{bad}'"
    )
    spoil(
        "insert into ops.extract_windows by name select 'hubspot' as source, 'owners' as object, 'sweep' as kind,"
        " 1 as rows_landed, 'swept' as run_id, timestamp '2026-01-05' as landed_at"
    )
    assert judged_rows(only) == 0
    assert query("select status from ops.quarantine") == [("gone",)]
    apart = query("select id from raw_hubspot.owners where _quarantined_at is not null")
    assert apart == [(bad,)], "what it was is as bad as before"
    # It comes back.
    spoil("update raw_hubspot.owners set _is_deleted = false, _deleted_how = null")
    spoil("delete from ops.batch_checks")
    assert judged_rows(only) > 0
    assert query("select status from ops.quarantine") == [("open",)]


def test_a_bad_batch_blocks_until_it_is_put_right(connected: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SMALL_BATCH", 1)
    assert extract([OWNERS]).success
    never = {"owners": (*keyed("id"), *one_of("email", "nobody@shop.example"))}
    spoil("delete from ops.batch_checks")
    assert check(never) == {"owners": "failed"}
    assert query("select count(*) from raw_hubspot.owners where _quarantined_at is not null") == [(0,)]
    # Nothing new is landed, and the rows that failed are still there: the check goes on failing.
    assert extract([PIPELINES]).success
    assert check(never) == {"owners": "failed"}
    spoil("update raw_hubspot.owners set email = 'nobody@shop.example'")
    assert check(never) == {"owners": "passed"}
    assert check(never) == {"owners": "passed"}
    statuses = query("select status from ops.batch_checks where object = 'owners' order by checked_at")
    assert statuses == [("failed",), ("failed",), ("passed",)]


def test_a_failed_check_stops_what_is_built_on_it(connected: Running) -> None:
    """The check of production, on rows that break its rules, before an asset that stands for the models."""
    built = []

    @dg.asset(deps=[OWNERS])
    def model() -> None:
        built.append("model")

    assets = [*(defs.assets or ()), model]
    job = dg.define_asset_job("extract_all", dg.AssetSelection.assets(OWNERS, model))
    whole = dg.Definitions(assets=assets, asset_checks=defs.asset_checks, jobs=[job])
    assert extract([OWNERS, model.key], of=whole).success
    assert built == ["model"]
    # A row from elsewhere, with the key of another: its run has not passed yet.
    spoil("insert into raw_hubspot.owners select * replace ('from elsewhere' as _run_id) from raw_hubspot.owners")
    spoil(
        "insert into raw_hubspot.owners select * replace ('from elsewhere' as _run_id) from raw_hubspot.owners limit 1"
    )
    spoil(
        "insert into ops.extract_runs (run_id, source, object, status, rows_landed) "
        "values ('from elsewhere', 'hubspot', 'owners', 'succeeded', 1)"
    )
    result = extract([OWNERS, model.key], of=whole)
    assert not result.success
    assert built == ["model"]
    failed = [found for found in result.get_asset_check_evaluations() if not found.passed]
    assert [(found.asset_key, found.check_name) for found in failed] == [(OWNERS, CHECK_NAME)]
    assert "id is unique" in str(failed[0].description)


def test_keys_are_where_the_source_lands_them(connected: Running) -> None:
    from extract import registry

    for source in ("salesforce", "hubspot", "segment"):
        reader = registry.source_class(source).from_environment(connected.environment())
        reader.connect()
        for key, name in catalog.keys(source).items():
            table = reader.describe(name).table
            assert (f"raw_{key.path[0]}", key.path[1]) == (table.schema, table.name)
        reader.close()
