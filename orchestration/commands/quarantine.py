"""`braid quarantine`: rows that could not be landed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestration.errors import FAILED, CommandError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from extract.quarantine import Quarantined
    from warehouse.base import Warehouse


@click.group(short_help="Rows that could not be landed: look, replay, dismiss.")
def quarantine() -> None:
    """Rows that could not be landed: a value that is none of its type, a key that is null.

    The rest of their batch landed. Put the record or the field right at the source, then replay.

    \b
    Examples:
      braid quarantine list --source salesforce
      braid quarantine show 3f2a9c0d11e4b7a6
      braid quarantine replay salesforce
    """


@quarantine.command("list", short_help="What is in quarantine.")
@click.option("--source", help="Of this source only.")
@click.option("--object", "name", help="Of this object only.")
@click.option("--rule", help="That broke this rule only.")
@click.option("--all", "everything", is_flag=True, help="Also what was replayed or dismissed.")
@target_option
@json_option
def list_(
    source: str | None, name: str | None, rule: str | None, everything: bool, target: str | None, as_json_: bool
) -> None:
    """List rows in quarantine, the oldest first, without their payload.

    \b
    Examples:
      braid quarantine list
      braid quarantine list --source files --rule type:quantity
    """
    from extract import registry
    from extract.quarantine import listed

    if source is not None:
        registry.source_class(source)
    configured_target(target)
    with open_locked(target, command="braid quarantine list", on_wait=say) as warehouse:
        rows = listed(warehouse, source=source, name=name, rule=rule, status=None if everything else "open")
    if as_json_:
        documents = [{key: value for key, value in asdict(row).items() if key != "payload"} for row in rows]
        click.echo(as_json({"rows": documents}))
    elif rows:
        headers = ("id", "source", "object", "key", "rule", "since", "status")
        lines = [(r.quarantine_id, r.source, r.object, r.record_key, r.rule, r.quarantined_at, r.status) for r in rows]
        click.echo(table(headers, lines))
    else:
        say("Nothing is in quarantine.")


@quarantine.command(short_help="One row with its payload.")
@click.argument("quarantine_id", metavar="ID")
@target_option
@json_option
def show(quarantine_id: str, target: str | None, as_json_: bool) -> None:
    """Show a row with its payload, which is the record as it came: personal data.

    \b
    Example:
      braid quarantine show 3f2a9c0d11e4b7a6
    """
    found = _found(quarantine_id, target)
    if as_json_:
        click.echo(as_json(asdict(found)))
        return
    for name, value in asdict(found).items():
        if name != "payload" and value is not None:
            click.echo(f"{name}: {value}")
    click.echo(json.dumps(json.loads(found.payload), indent=2, ensure_ascii=False))


@quarantine.command(short_help="Read rows again, now that their cause is put right.")
@click.argument("source")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@target_option
@json_option
def replay(source: str, ids: tuple[str, ...], target: str | None, as_json_: bool) -> int:
    """Ask SOURCE for the records again and land them: all that are open, or those with these IDs.

    Rows of files, archives and databases need no replay: the next `braid extract` reads what was put right.

    \b
    Examples:
      braid quarantine replay salesforce
      braid quarantine replay hubspot 3f2a9c0d11e4b7a6
    """
    from extract import registry
    from extract.quarantine import listed
    from extract.replay import replay as replay_rows

    configured_target(target)
    reader = registry.source_class(source).from_environment(os.environ)

    def opened() -> AbstractContextManager[Warehouse]:
        return open_locked(target, command=f"braid quarantine replay {source}", on_wait=say)

    try:
        with open_locked(target, command="braid quarantine replay", on_wait=say) as warehouse:
            rows = [row for row in listed(warehouse, source=source) if not ids or row.quarantine_id in ids]
        if missing := sorted(set(ids) - {row.quarantine_id for row in rows}):
            raise CommandError(f"{', '.join(missing)}: no such open row of {source}; see `braid quarantine list`.")
        settled = replay_rows(reader, rows, opened) if rows else 0
    finally:
        reader.close()
    left = len(rows) - settled
    if as_json_:
        click.echo(as_json({"source": source, "replayed": settled, "still_open": left}))
    elif not rows:
        say(f"Nothing of {source} is in quarantine.")
    else:
        click.echo(f"{settled} rows landed, {left} still cannot be.")
    return FAILED if left else 0


@quarantine.command(short_help="Set a row aside for good.")
@click.argument("quarantine_id", metavar="ID")
@click.option("--why", required=True, help="The reason, for those who ask later.")
@target_option
def dismiss(quarantine_id: str, why: str, target: str | None) -> None:
    """Set a row aside for good: it stays in the book, and is no longer counted as open.

    \b
    Example:
      braid quarantine dismiss 3f2a9c0d11e4b7a6 --why "a test record"
    """
    from extract.pipeline import utc_now
    from extract.quarantine import dismiss as dismiss_row

    found = _found(quarantine_id, target)
    if found.status != "open":
        raise CommandError(f"{quarantine_id} is {found.status} already.")
    with open_locked(target, command="braid quarantine dismiss", on_wait=say) as warehouse:
        dismiss_row(warehouse, quarantine_id, why, utc_now())


def _found(quarantine_id: str, target: str | None) -> Quarantined:
    from extract.quarantine import listed

    configured_target(target)
    with open_locked(target, command="braid quarantine show", on_wait=say) as warehouse:
        rows = [row for row in listed(warehouse, status=None) if row.quarantine_id == quarantine_id]
    if not rows:
        raise CommandError(f"{quarantine_id}: no such row; see `braid quarantine list --all`.")
    return rows[0]
