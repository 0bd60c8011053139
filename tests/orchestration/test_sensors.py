"""Sensors tell a real receiver, once, what failed or grew stale, and say when it is well again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from orchestration.defs.dbt import sensors
from orchestration.defs.dbt.sensors import tell_when_failed, tell_when_stale
from orchestration.lib.freshness import CHECK_NAME
from orchestration.lib.staleness import news, stale_models, stale_sources
from tests.orchestration.receivers import Webhook

pytestmark = pytest.mark.timeout(60)
MASTER = dg.AssetKey(["identity", "customer_master"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as found:
        yield found


@dg.op
def login() -> None:
    raise dg.Failure("HubSpot refuses hs-token-123456: put another private app's token there.", allow_retries=False)


@dg.job
def nightly() -> None:
    login()


def test_a_failed_run_is_told_with_its_step_and_without_its_secret(
    hook: Webhook, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "hs-token-123456")
    monkeypatch.setenv("BRAID_DAGSTER_URL", "http://dagster.example:3000")
    result = nightly.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)
    context = dg.build_run_status_sensor_context(
        sensor_name="tell_when_failed",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    tell_when_failed(context)
    (body,) = hook.received
    assert body["kind"] == "failure"
    assert body["text"].splitlines() == [
        "nightly failed",
        "login: HubSpot refuses [hidden]: put another private app's token there.",
        f"http://dagster.example:3000/runs/{result.run_id}",
    ]


def look(instance: dg.DagsterInstance, cursor: str | None) -> tuple[str | None, str]:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    found = tell_when_stale(context)
    assert isinstance(found, dg.SkipReason)
    return context.cursor, str(found.skip_message)


def test_staleness_is_told_once_and_so_is_recovery(
    hook: Webhook, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = {MASTER: timedelta(0)}
    monkeypatch.setattr(sensors, "policies", lambda _: ages)
    cursor, _ = look(instance, None)
    assert hook.received == []

    instance.report_runless_asset_event(dg.AssetMaterialization(MASTER))
    cursor, says = look(instance, cursor)
    assert says == "Stale now: identity/customer_master."
    cursor, _ = look(instance, cursor)
    ages[MASTER] = timedelta(hours=12)
    cursor, says = look(instance, cursor)
    assert says == "All is fresh."
    look(instance, cursor)
    assert [body["kind"] for body in hook.received] == ["stale", "recovered"]
    assert "1 thing is stale: identity/customer_master" in hook.received[0]["text"]


def test_an_alert_that_could_not_be_sent_is_tried_again_at_the_next_look(
    hook: Webhook, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "policies", lambda _: {MASTER: timedelta(0)})
    instance.report_runless_asset_event(dg.AssetMaterialization(MASTER))
    hook.answers = [404]
    with pytest.raises(Exception, match="status 404"):
        look(instance, None)
    cursor, _ = look(instance, None)
    assert len(hook.received) == 1
    look(instance, cursor)
    assert len(hook.received) == 1


def test_nobody_configured_is_said_and_nothing_is_looked_up(instance: dg.DagsterInstance) -> None:
    cursor, says = look(instance, None)
    assert cursor is None
    assert "BRAID_ALERT_WEBHOOK" in says


def test_a_model_is_stale_when_older_than_its_policy(instance: dg.DagsterInstance) -> None:
    ages = {MASTER: timedelta(hours=12)}
    now = datetime.now(UTC)
    assert stale_models(instance, ages, now) == {}
    instance.report_runless_asset_event(dg.AssetMaterialization(MASTER))
    assert stale_models(instance, ages, now + timedelta(hours=11)) == {}
    assert list(stale_models(instance, ages, now + timedelta(hours=13))) == ["identity/customer_master"]


def test_a_source_is_stale_when_its_check_failed_last_time(instance: dg.DagsterInstance) -> None:
    stale = [True]

    @dg.asset
    def contact() -> None: ...

    @dg.asset_check(asset=contact, name=CHECK_NAME)
    def fresh() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not stale[0], description="Last read 60 hours ago.")

    job = dg.define_asset_job("freshness", dg.AssetSelection.checks(fresh))
    whole = dg.Definitions(assets=[contact], asset_checks=[fresh], jobs=[job])

    def ask() -> None:
        assert whole.resolve_job_def("freshness").execute_in_process(instance=instance, run_config=QUIET).success

    assert stale_sources(instance, "freshness") == {}
    ask()
    assert stale_sources(instance, "freshness") == {"contact": "Last read 60 hours ago."}
    stale[0] = False
    ask()
    assert stale_sources(instance, "freshness") == {}


def test_news_is_what_changed() -> None:
    found = news({"a": "old", "b": "older"}, ("b", "c"))
    assert (dict(found.stale), found.recovered, found.now_stale) == ({"a": "old"}, ("c",), ("a", "b"))
    assert [alert.kind for alert in found.alerts()] == ["stale", "recovered"]
    assert news({"a": "old"}, ("a",)).alerts() == []
