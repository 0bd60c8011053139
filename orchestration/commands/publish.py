"""`braid publish`: the read-only copy, anew."""

from __future__ import annotations

import click

from orchestration.setup import configured_target, json_option, target_option
from orchestration.terminal import as_json, say


@click.command(short_help="Publish the read-only copy that BI tools read.")
@target_option
@json_option
def publish(target: str | None, as_json_: bool) -> None:
    """Copy the DuckDB file to <name>_serving.duckdb, which replaces the last copy at once and is never locked.

    `braid build` does so after every green build; this is for a file that something else has written. On Snowflake
    there is nothing to do: readers and writers do not get in each other's way.

    \b
    Example:
      braid publish
    """
    import warehouse
    from warehouse.serving import publish as publish_copy

    configured_target(target)
    with warehouse.locked(target, command="braid publish", on_wait=say):
        published = publish_copy(target, on_wait=say)
    if as_json_:
        click.echo(as_json({"published": str(published) if published else None}))
    elif published is None:
        say("Nothing to publish: this warehouse is read directly.")
    else:
        click.echo(str(published))
