"""When proof is looked at again: after the night's extraction, and thoroughly once a week."""

from __future__ import annotations

import dagster as dg

from orchestration.defs.proof.jobs import recount, sweep
from orchestration.lib import catalog


def _unless_nothing() -> dg.RunRequest | dg.SkipReason:
    keys, reasons = catalog.configured()
    return dg.RunRequest() if keys else dg.SkipReason("No source is configured. " + " ".join(reasons))


@dg.schedule(cron_schedule="0 4 * * *", job=recount, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_dawn(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """At 04:00 UTC: recount."""
    return _unless_nothing()


@dg.schedule(cron_schedule="0 5 * * 0", job=sweep, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_sunday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """On Sundays at 05:00 UTC: sweep."""
    return _unless_nothing()
