"""Who is told when a source changes its columns; nobody when neither webhook nor address is set."""

import os
from datetime import UTC, datetime

import dagster as dg

from contracts import schema_changes
from extract.drift import noticed
from orchestration.lib.alerts import NOBODY, AlertError, AlertSettings, send
from orchestration.lib.schema_news import Told, news
from orchestration.setup import configured_target, open_to_look
from warehouse.base import WarehouseHeld

# A tick that waited for a build would hold up the other sensors; the change is as new at the next one.
_PATIENCE_SECONDS = 1.0


@dg.sensor(name="tell_when_schema_changes", minimum_interval_seconds=300,
           default_status=dg.DefaultSensorStatus.RUNNING)  # fmt: skip
def tell_when_schema_changes(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Columns that sources added, removed or gave another type: each once, an alert for each object and run.

    Reads the warehouse, not the serving copy: a fatal change keeps builds from being green, and the copy from changing.
    """
    if not AlertSettings.from_environment(os.environ).configured:
        return dg.SkipReason(NOBODY)
    target = configured_target(None)
    if target.duckdb_path is not None and not target.duckdb_path.is_file():
        return dg.SkipReason("There is no warehouse yet.")
    told = Told.read(context.cursor, datetime.now(UTC).replace(tzinfo=None))
    try:
        with open_to_look(target.name, command="dagster schema changes", timeout=_PATIENCE_SECONDS) as warehouse:
            found = noticed(warehouse, told.since)
    except WarehouseHeld as error:
        return dg.SkipReason(f"Looked at again at the next tick: {error}")
    # Also when nothing is told: a first look's span is counted from that look.
    context.update_cursor(told.written())
    sent = 0
    for message in news(found, told, schema_changes.read()):
        try:
            send(message.alert)
        except AlertError as error:
            # A tick that fails loses its cursor, and with it that the others were told: it fails only with none sent.
            if not sent:
                raise
            return dg.SkipReason(f"{sent} told, the rest at the next tick: {error}")
        told = told.with_(message.changes)
        context.update_cursor(told.written())
        sent += 1
    return dg.SkipReason(f"{sent} told." if sent else "No column has changed.")
