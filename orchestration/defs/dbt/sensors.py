"""Who is told when a run fails or something grows stale; nobody when neither webhook nor address is set."""

import json
import os
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.dbt.schedules import freshness
from orchestration.lib.alerts import NOBODY, AlertSettings, send
from orchestration.lib.project import manifest
from orchestration.lib.staleness import failure_alert, news, policies, stale_models, stale_sources


@dg.run_failure_sensor(name="tell_when_failed", default_status=dg.DefaultSensorStatus.RUNNING)
def tell_when_failed(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Every run that fails, with what each failed step said."""
    return None if send(failure_alert(context)) else dg.SkipReason(NOBODY)


@dg.sensor(name="tell_when_stale", minimum_interval_seconds=300, default_status=dg.DefaultSensorStatus.RUNNING)
def tell_when_stale(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Models older than their policy and sources not read in time: once when they become so, once when they recover."""
    if not AlertSettings.from_environment(os.environ).configured:
        return dg.SkipReason(NOBODY)
    now = datetime.now(UTC)
    stale = stale_models(context.instance, policies(manifest()), now) | stale_sources(context.instance, freshness.name)
    found = news(stale, tuple(json.loads(context.cursor or "[]")))
    for alert in found.alerts():
        send(alert)
    # After telling: an alert that could not be sent is tried again at the next look.
    context.update_cursor(json.dumps(found.now_stale))
    return dg.SkipReason(f"Stale now: {', '.join(found.now_stale)}." if found.now_stale else "All is fresh.")
