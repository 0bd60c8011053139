"""When events are read: every hour, with all that is built on them."""

import dagster as dg

from orchestration.defs.dbt.assets import dbt_build
from orchestration.defs.dbt.checks import source_freshness
from orchestration.defs.identity.assets import train_matching
from orchestration.defs.score.assets import train_scores
from orchestration.defs.value.assets import train_value
from orchestration.lib import catalog

events = dg.define_asset_job(
    "events",
    # What is learnt is downstream too, but learnt when somebody asks.
    (dg.AssetSelection.assets(*catalog.FEEDS).downstream() | dg.AssetSelection.assets(catalog.DEAD_LETTERS))
    - dg.AssetSelection.assets(train_matching, train_value, train_scores)
    - dg.AssetSelection.checks(source_freshness),
    description="Read new events, check the batch, build what depends on them.",
)

_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


@dg.schedule(cron_schedule="10 * * * *", job=events, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ten past each hour, unless the run before has not ended, or what it builds on is not there yet."""
    keys, _ = catalog.configured()
    feeds = [key for key in (*catalog.FEEDS, catalog.DEAD_LETTERS) if key in keys]
    if not feeds:
        return dg.SkipReason(
            "No events are configured: none of SEGMENT_ARCHIVE_URL, BRAID_COLLECT_LOG and BRAID_KAFKA is set."
        )
    unfinished = context.instance.get_runs(dg.RunsFilter(job_name=events.name, statuses=_UNFINISHED), limit=1)
    if unfinished:
        return dg.SkipReason(
            f"Run {unfinished[0].run_id[:8]} has not ended; it reads what is there when its turn comes."
        )
    missing = [key for key in stands_on() if context.instance.get_latest_materialization_event(key) is None]
    if missing:
        return dg.SkipReason(
            f"{missing[0].to_user_string()} is not built yet: the hour begins after the first run of nightly, "
            "which comes at 02:00 UTC or when you launch it."
        )
    return dg.RunRequest(asset_selection=[*feeds, *_built()])


def stands_on() -> list[dg.AssetKey]:
    """Models that the job reads and does not build: the other sources' side of what events are joined with."""
    reads, built = dbt_build.asset_deps, _built()
    return sorted({parent for key in built for parent in reads[key]} & dbt_build.keys - built)


def _built() -> set[dg.AssetKey]:
    """The models that are downstream of events."""
    reads = dbt_build.asset_deps
    built, found = set[dg.AssetKey](), set(catalog.FEEDS)
    while found:
        found = {key for key in reads if reads[key] & found} - built
        built |= found
    return built
