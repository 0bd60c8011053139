"""What has grown stale, from what Dagster already knows; each thing is told once, and once more when it is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from orchestration.lib.alerts import Alert
from orchestration.lib.dbt_translator import Translator, fresh_within
from orchestration.lib.freshness import CHECK_NAME


@dataclass(frozen=True)
class News:
    """What changed since the last look: ``stale`` newly so, ``recovered`` no longer; all that is stale now."""

    stale: Mapping[str, str]
    recovered: tuple[str, ...]
    now_stale: tuple[str, ...]

    def alerts(self) -> list[Alert]:
        """None when there is nothing new to say."""
        found = []
        if self.stale:
            title = f"{_things(len(self.stale))} stale: {', '.join(self.stale)}"
            found.append(Alert("stale", title, tuple(f"{name}: {why}" for name, why in self.stale.items())))
        if self.recovered:
            found.append(Alert("recovered", f"fresh again: {', '.join(self.recovered)}"))
        return found


def news(stale: Mapping[str, str], told: tuple[str, ...]) -> News:
    """``stale`` is what is stale now and why, ``told`` what was stale at the last look."""
    fresh = {name: why for name, why in sorted(stale.items()) if name not in told}
    return News(fresh, tuple(name for name in sorted(told) if name not in stale), tuple(sorted(stale)))


def policies(manifest: Mapping[str, Any]) -> dict[dg.AssetKey, timedelta]:
    """The greatest age of every model that states one."""
    translator = Translator()
    return {
        translator.get_asset_key(node): age
        for node in manifest["nodes"].values()
        if (age := fresh_within(node)) is not None
    }


def stale_models(instance: dg.DagsterInstance, ages: Mapping[dg.AssetKey, timedelta], now: datetime) -> dict[str, str]:
    """Models older than their policy. One that was never built is not late yet: nobody relies on it."""
    stale = {}
    for key, allowed in ages.items():
        event = instance.get_latest_materialization_event(key)
        if event is None:
            continue
        age = now - datetime.fromtimestamp(event.timestamp, UTC)
        if age > allowed:
            stale[key.to_user_string()] = f"built {_hours(age)} ago, and may be {_hours(allowed)} old"
    return stale


def stale_sources(instance: dg.DagsterInstance, job_name: str) -> dict[str, str]:
    """Objects whose freshness check failed when it was last asked."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
    stale = {}
    for run in runs:
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            event = entry.dagster_event
            if event is None:
                continue
            found = event.asset_check_evaluation_data
            failed = not found.passed and found.severity is dg.AssetCheckSeverity.ERROR
            if found.check_name == CHECK_NAME and failed:
                stale[found.asset_key.to_user_string()] = found.description or "not read in time"
    return stale


def failure_alert(context: dg.RunFailureSensorContext) -> Alert:
    """A run that failed: each step with what it said, without its traceback."""
    details = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        if not said and data.error is not None:
            cause = data.error.cause or data.error
            said = cause.message
        details.append(f"{event.step_key}: {_short(said or 'failed')}")
    run = context.dagster_run
    title = f"{run.job_name} failed"
    return Alert("failure", title, tuple(details) or (_short(context.failure_event.message or title),), run.job_name,
                 run.run_id)  # fmt: skip


def _short(text: str, lines: int = 12, width: int = 400) -> str:
    kept = [line.rstrip()[:width] for line in text.strip().splitlines() if line.strip()]
    return "\n".join([*kept[:lines], *(["…"] if len(kept) > lines else [])])


def _things(count: int) -> str:
    return "1 thing is" if count == 1 else f"{count} things are"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} hours"
