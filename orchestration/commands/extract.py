"""`braid extract`: what changed in a system, into raw tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from orchestration.errors import FAILED, Interrupted
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, row_progress, say, table

if TYPE_CHECKING:
    from extract.source import Source


@click.command(short_help="Read what changed in a system into raw tables.")
@click.argument("source")
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@click.option("--full", is_flag=True, help="Read all history again, and mark what is no longer there as deleted.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what the run would read and cost, and do nothing.")
@target_option
@json_option
def extract(
    source: str, objects: tuple[str, ...], full: bool, only_plan: bool, target: str | None, as_json_: bool
) -> int:
    """Read what changed in SOURCE (salesforce, hubspot, segment, files, sql or events) into raw tables.

    The first run reads all history, later ones what changed since. Rows and watermark are committed together, object
    by object: a run that is stopped or fails loses nothing and doubles nothing, and the next one goes on from there.

    \b
    Examples:
      braid extract salesforce
      braid extract hubspot contacts deals
      braid extract segment events --json
      braid extract files --full
      braid extract sql shop.orders
      braid extract events
      braid extract salesforce --plan

    \b
    Settings come from the environment:
      salesforce  SALESFORCE_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET
      hubspot     HUBSPOT_ACCESS_TOKEN; HUBSPOT_HISTORY for the past values of properties
      segment     SEGMENT_ARCHIVE_URL; SEGMENT_SPACE_ID and SEGMENT_ACCESS_TOKEN for profiles
      files       BRAID_FILES, a YAML file that maps columns onto the input contracts
      sql         BRAID_SQL, a YAML file of databases and tables
      events      BRAID_COLLECT_LOG, the collector's folder with /log behind it; or BRAID_KAFKA
    """
    from extract import pipeline, registry

    configured_target(target)
    reader = registry.source_class(source).from_environment(os.environ)
    command = " ".join(["braid extract", source, *objects])
    if only_plan:
        return _plan(reader, objects, target, full, as_json_)
    with row_progress() as progress:
        try:
            results = pipeline.run(
                reader,
                objects,
                lambda: open_locked(target, command=command, on_wait=say),
                full=full,
                progress=progress,
            )
        except KeyboardInterrupt:
            where = f" while reading {progress.current}" if progress.current else ""
            raise Interrupted(
                f"Stopped{where}: objects before it are landed with their watermarks, this one is as it was, and "
                "nothing is half-written; the same command goes on from there."
            ) from None
        finally:
            reader.close()
    if as_json_:
        document = {
            "source": source,
            "objects": [
                {
                    "object": result.object,
                    "table": result.table,
                    "run_id": result.run_id,
                    "window_start": result.window.start if result.window else None,
                    "window_end": result.window.end if result.window else None,
                    "rows_read": result.rows_read,
                    "rows_landed": result.rows_landed,
                    "rows_inserted": result.rows_inserted,
                    "rows_updated": result.rows_updated,
                    "rows_deleted": result.rows_deleted,
                    "rows_quarantined": result.rows_quarantined,
                    "columns_added": list(result.columns_added),
                    "proof": result.proof,
                    "source_count": result.source_count,
                    "landed_count": result.landed_count,
                    "complete_to": result.complete_to,
                    "api_calls": result.api_calls,
                    "seconds": round(result.seconds, 3),
                    "error": result.error,
                }
                for result in results
            ],
        }
        click.echo(as_json(document))
    else:
        headers = ("object", "read", "new", "changed", "gone", "proof", "calls", "seconds", "new columns")
        rows = [
            (
                result.object,
                result.rows_read,
                result.rows_inserted,
                result.rows_updated,
                result.rows_deleted,
                result.proof,
                result.api_calls,
                f"{result.seconds:.1f}",
                ", ".join(result.columns_added),
            )
            for result in results
            if result.error is None
        ]
        if rows:
            click.echo(table(headers, rows, right=frozenset({1, 2, 3, 4, 6, 7})))
    for result in results:
        if result.rows_quarantined:
            say(
                f"{source} {result.object}: {result.rows_quarantined} rows cannot be landed and wait in quarantine; "
                "see `braid quarantine list`."
            )
        if result.error is None and result.proof == "open":
            say(
                f"{source} {result.object}: the source counts {result.source_count} rows, {result.landed_count} "
                "landed: the window stays open, and the next run reads it again."
            )
    failed = [result for result in results if result.error is not None]
    for result in failed:
        say(f"{source} {result.object}: {result.error}")
    return FAILED if failed else 0


def _plan(reader: Source, objects: tuple[str, ...], target: str | None, full: bool, as_json_: bool) -> int:
    """Print what a run would read and cost."""
    from extract.plan import plan

    try:
        found = plan(
            reader, objects, lambda: open_locked(target, command="braid extract --plan", on_wait=say), full=full
        )
    finally:
        reader.close()
    spent = found.spent
    if as_json_:
        rows = [
            {
                "object": item.object,
                "window_start": item.window.start if item.window else None,
                "window_end": item.window.end if item.window else None,
                "rows": item.rows,
                "calls": item.calls,
                "fills": list(item.fills),
                "error": item.error,
            }
            for item in found.objects
        ]
        click.echo(as_json({"objects": rows, "calls": found.calls, "plan_cost": spent._asdict()}))
    else:
        lines = [
            (
                item.object,
                item.window.start or "the beginning" if item.window else None,
                item.rows if item.rows is not None else "only reading tells",
                item.calls,
                ", ".join(item.fills),
            )
            for item in found.objects
            if item.error is None
        ]
        click.echo(table(("object", "from", "rows", "calls", "fills in all rows"), lines, right=frozenset({2, 3})))
        quota = ""
        if spent.quota and spent.quota_used is not None:
            quota = f"; {spent.quota_used:,} of the day's {spent.quota:,} are used, by everybody"
        click.echo(f"About {found.calls:,} calls; this plan itself took {spent.calls}{quota}.")
    failed = [item for item in found.objects if item.error is not None]
    for item in failed:
        say(f"{reader.name} {item.object}: {item.error}")
    return FAILED if failed else 0
