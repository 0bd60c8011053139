"""When the whole runs: every night, at noon where no events keep it fresh, and freshness is asked every hour."""

from collections.abc import Sequence

import dagster as dg

from orchestration.defs.dbt.assets import dbt_build
from orchestration.defs.dbt.checks import source_freshness
from orchestration.lib import catalog

EXTRACTED = [key for source in catalog.SOURCES for key in catalog.keys(source)]
_everything = dg.AssetSelection.assets(*EXTRACTED, dbt_build)
# Asked on its own schedule: right after an extraction the answer is known.
_freshness = dg.AssetSelection.checks(source_freshness)

nightly = dg.define_asset_job(
    "nightly", _everything - _freshness, description="Extract every configured source, check the batches, build all."
)
extract_all = dg.define_asset_job(
    "extract_all",
    dg.AssetSelection.assets(*EXTRACTED) - _freshness,
    description="Extract every configured source and check the batches, without building on them.",
)
freshness = dg.define_asset_job("freshness", _freshness, description="Was every source read in time?")


def whole(env_keys: Sequence[dg.AssetKey], reasons: Sequence[str]) -> dg.RunRequest | dg.SkipReason:
    """A run of the configured objects and every model, or why there is none."""
    if not env_keys:
        return dg.SkipReason("No source is configured. " + " ".join(reasons))
    return dg.RunRequest(asset_selection=[*env_keys, *dbt_build.keys])


@dg.schedule(cron_schedule="0 2 * * *", job=nightly, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """At 02:00 UTC: everything."""
    return whole(*catalog.configured())


@dg.schedule(cron_schedule="0 12 * * *", job=nightly, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_noon(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """At 12:00 UTC: everything, so that customer_master is never older than 12 hours; not where events come hourly."""
    keys, reasons = catalog.configured()
    if set(catalog.FEEDS) & set(keys):
        return dg.SkipReason("Events are configured, and customer_master is rebuilt from them every hour.")
    return whole(keys, reasons)


@dg.schedule(cron_schedule="30 * * * *", job=freshness, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_half_past(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Half past each hour: was every configured source read in time?"""
    keys, reasons = catalog.configured()
    if not keys:
        return dg.SkipReason("No source is configured. " + " ".join(reasons))
    asked = [check for check in source_freshness.check_keys if check.asset_key in keys]
    return dg.RunRequest(asset_selection=[], asset_check_keys=asked)
