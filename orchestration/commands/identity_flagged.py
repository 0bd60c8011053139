"""`braid identity flagged`: identifier values that tie nobody, and why."""

from __future__ import annotations

from dataclasses import asdict

import click

from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

_STATUSES = click.Choice(["over_limit", "blocked", "malformed"])


@click.command(short_help="Values that tie nobody, and why.")
@click.option("--status", type=_STATUSES, help="Only these; all unless told.")
@click.option("--type", "kind", metavar="TYPE", help="Only identifiers of this type, as in contracts/identifiers.yml.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=0), help="Values to show at most.")
@target_option
@json_option
def flagged(status: str | None, kind: str | None, limit: int, target: str | None, as_json_: bool) -> None:
    """List the identifiers that the last build set aside, those that most customers share first.

    A value over its limit ties nobody for as long as it is; blocked ones never do; malformed ones cannot.

    \b
    Examples:
      braid identity flagged
      braid identity flagged --status over_limit --type phone --limit 100 --json
    """
    from contracts import identifiers
    from orchestration.lib import flagged as book
    from orchestration.lib.decisions import identity_schema

    types = [known.name for known in identifiers.read().types]
    if kind is not None and kind not in types:
        raise click.BadParameter(f"{kind!r} is no type; there are {', '.join(types)}.", param_hint="--type")
    schema = identity_schema(configured_target(target).project_root)
    with open_locked(target, command="braid identity flagged", on_wait=say) as warehouse:
        found = book.read(warehouse, schema, status, kind, limit)
    if as_json_:
        click.echo(as_json(asdict(found)))
        return
    if found.values:
        headers = ("type", "value", "status", "why", "records", "customers", "for instance")
        lines = [
            (v.identifier_type, v.identifier_value, v.identifier_status, v.why, v.number_of_records,
             v.number_of_customers, v.example_record_key)
            for v in found.values
        ]  # fmt: skip
        click.echo(table(headers, lines, right=frozenset({4, 5})))
    if not found.counts:
        say("No such value was set aside.")
        return
    counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in found.counts.items())
    more = sum(found.counts.values()) - len(found.values)
    say(f"{counts}." + (f" {more:,} more: see --limit." if more > 0 else ""))
