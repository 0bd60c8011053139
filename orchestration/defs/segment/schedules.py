"""When events are read: every hour, with all that is built on them."""

import dagster as dg

from orchestration.defs.dbt.checks import source_freshness
from orchestration.lib import catalog

events = dg.define_asset_job(
    "events",
    dg.AssetSelection.assets(catalog.EVENTS).downstream() - dg.AssetSelection.checks(source_freshness),
    description="Read new events, check the batch, build what depends on them.",
)

_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


@dg.schedule(cron_schedule="10 * * * *", job=events, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ten past each hour, unless the run before has not ended or no archive is configured."""
    keys, _ = catalog.configured()
    if catalog.EVENTS not in keys:
        return dg.SkipReason("No events are configured: SEGMENT_ARCHIVE_URL is not set.")
    unfinished = context.instance.get_runs(dg.RunsFilter(job_name=events.name, statuses=_UNFINISHED), limit=1)
    if unfinished:
        return dg.SkipReason(
            f"Run {unfinished[0].run_id[:8]} has not ended; it reads what is there when its turn comes."
        )
    return dg.RunRequest()
