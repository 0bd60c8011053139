"""`braid reconcile`: what extraction's windows cannot show, found and put right."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from orchestration.errors import FAILED, Interrupted, SetupError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, row_progress, say, table


@click.command(short_help="Compare raw tables with their source, and put right what differs.")
@click.argument("source")
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@click.option("--no-sweep", is_flag=True, help="Only count again: a few calls an object.")
@target_option
@json_option
def reconcile(source: str, objects: tuple[str, ...], no_sweep: bool, target: str | None, as_json_: bool) -> int:
    """Compare the raw tables of SOURCE with the source itself, and put right what differs.

    A recount compares the source's own count of all that is complete with the rows stored, and where they differ halves
    the stretch until it is short enough to be read again. A sweep reads every key and version: rows deleted without a
    trace are marked, rows that were missed are read, formulas and references that moved no time stamp are refreshed.

    What was never extracted, and what the source does not count, is passed over.

    \b
    Examples:
      braid reconcile salesforce
      braid reconcile hubspot contacts --no-sweep
    """
    from extract import registry
    from extract.reconcile import reconcile as reconcile_source

    configured_target(target)
    reader = registry.source_class(source).from_environment(os.environ)
    if not objects and not reader.counted:
        reader.close()
        raise SetupError(
            f"{source} gives no counts to compare with: `braid extract {source} --full` reads everything anew and "
            "marks what is gone."
        )
    command = " ".join(["braid reconcile", source, *objects])
    with row_progress() as progress:
        try:
            results = reconcile_source(
                reader,
                objects or reader.counted,
                lambda: open_locked(target, command=command, on_wait=say),
                sweep=not no_sweep,
                progress=progress,
            )
        except KeyboardInterrupt:
            raise Interrupted("Stopped; nothing is half-written, and the same command begins anew.") from None
        finally:
            reader.close()
    if as_json_:
        click.echo(as_json({"source": source, "objects": [asdict(result) for result in results]}))
    elif shown := [result for result in results if result.error is None and result.proof is not None]:
        headers = ("object", "counted", "stored", "proof", "read again", "landed", "vanished", "refreshed", "seconds")
        rows = [
            (
                result.object,
                result.source_count,
                result.landed_count,
                result.proof,
                result.reread_windows,
                result.rows_landed,
                result.rows_marked,
                result.rows_refreshed,
                f"{result.seconds:.1f}",
            )
            for result in shown
        ]
        click.echo(table(headers, rows, right=frozenset({1, 2, 4, 5, 6, 7, 8})))
    else:
        say(f"There is nothing of {source} to compare yet: start with `braid extract {source}`.")
    failed = [result for result in results if result.error is not None]
    for result in failed:
        say(f"{source} {result.object}: {result.error}")
    still_open = [result.object for result in results if result.proof == "open"]
    if still_open:
        say(f"{source} {', '.join(still_open)}: the counts still differ; the source may be changing, try again later.")
    return FAILED if failed or still_open else 0
