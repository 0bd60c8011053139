"""Everything Dagster knows: every extracted object and every dbt model in one graph, when they run, who is told."""

from __future__ import annotations

import dagster as dg

from orchestration.defs.dbt.assets import dbt_build
from orchestration.defs.dbt.checks import source_freshness
from orchestration.defs.dbt.schedules import every_half_past, every_night, every_noon, extract_all, freshness, nightly
from orchestration.defs.dbt.sensors import tell_when_failed, tell_when_stale
from orchestration.defs.events.assets import collected
from orchestration.defs.events.checks import collected_batches
from orchestration.defs.files.assets import files
from orchestration.defs.files.checks import files_batches
from orchestration.defs.hubspot.assets import hubspot
from orchestration.defs.hubspot.checks import hubspot_batches
from orchestration.defs.identity.assets import train_matching
from orchestration.defs.identity.jobs import train
from orchestration.defs.proof.checks import proven
from orchestration.defs.proof.jobs import recount, sweep
from orchestration.defs.proof.schedules import every_dawn, every_sunday
from orchestration.defs.proof.sensors import tell_when_schema_changes
from orchestration.defs.salesforce.assets import salesforce
from orchestration.defs.salesforce.checks import salesforce_batches
from orchestration.defs.score.assets import train_scores
from orchestration.defs.score.jobs import score_job
from orchestration.defs.segment.assets import segment
from orchestration.defs.segment.checks import segment_batches
from orchestration.defs.segment.schedules import events, every_hour
from orchestration.defs.sql.assets import sql
from orchestration.defs.sql.checks import sql_batches
from orchestration.defs.value.assets import train_value
from orchestration.defs.value.jobs import value_job

defs = dg.Definitions(
    assets=[
        *(salesforce, hubspot, segment, files, sql, collected, dbt_build),
        *(train_matching, train_value, train_scores),
    ],
    asset_checks=[
        salesforce_batches,
        hubspot_batches,
        segment_batches,
        files_batches,
        sql_batches,
        collected_batches,
        source_freshness,
        proven,
    ],
    jobs=[nightly, extract_all, events, freshness, recount, sweep, train, value_job, score_job],
    schedules=[every_night, every_noon, every_hour, every_half_past, every_dawn, every_sunday],
    sensors=[tell_when_failed, tell_when_stale, tell_when_schema_changes],
)
