"""`braid identity`: decisions on who is one customer, where the links are wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestration.commands.identity_explain import explain
from orchestration.commands.identity_flagged import flagged
from orchestration.commands.identity_weights import weights
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.lib.decisions import Decision, Maker
    from warehouse.base import Warehouse

why_option = click.option("--why", required=True, help="The reason, for those who ask later.")
by_option = click.option("--by", metavar="NAME", help="Who decides; the user of this machine unless told.")


@click.group(short_help="Who is one customer: explain, diff, approve, cut, join, block, undo.")
def identity() -> None:
    """See why records are one customer, decide where the links are wrong, and what may be published.

    The next build applies what was decided, and all builds after it.

    Records are named by their key, as in identity.customer_xref (salesforce:contact:0035g00000AbCdE).

    \b
    Examples:
      braid identity explain hubspot:contact:101 segment:user:u_7
      braid identity cut hubspot:contact:101 segment:user:u_7 --why "mother and son, one address"
      braid identity decisions
      braid identity undo 3f2a9c0d11e4 --why "it was the same person after all"
    """


identity.add_command(explain)
identity.add_command(flagged)
identity.add_command(weights)


@identity.command(short_help="Two records are not one person.")
@click.argument("a", metavar="RECORD")
@click.argument("b", metavar="RECORD")
@why_option
@by_option
@target_option
@json_option
def cut(a: str, b: str, why: str, by: str | None, target: str | None, as_json_: bool) -> None:
    """Keep two records apart for good, whatever ties them now or later.

    Records nearer to the second go with it; what is equally near stays with the first.

    \b
    Example:
      braid identity cut hubspot:contact:101 segment:user:u_7 --why "mother and son, one address"
    """
    from orchestration.lib import decisions

    schema = _schema(target)
    _record("cut", target, as_json_, why, by, lambda store, maker: decisions.cut(store, schema, a, b, maker))


@identity.command(short_help="Two records, or customers, are one person.")
@click.argument("a", metavar="RECORD|CUSTOMER")
@click.argument("b", metavar="RECORD|CUSTOMER")
@why_option
@by_option
@target_option
@json_option
def join(a: str, b: str, why: str, by: str | None, target: str | None, as_json_: bool) -> None:
    """Tie two records that no link ties; a customer id stands for the record its id goes by.

    \b
    Example:
      braid identity join salesforce:lead:00Q5g00000AbCdE segment:user:u_7 --why "changed her name and address"
    """
    from orchestration.lib import decisions

    schema = _schema(target)
    _record("join", target, as_json_, why, by, lambda store, maker: decisions.join(store, schema, a, b, maker))


@identity.command(short_help="A value ties nobody.")
@click.argument("kind", metavar="TYPE")
@click.argument("value")
@why_option
@by_option
@target_option
@json_option
def block(kind: str, value: str, why: str, by: str | None, target: str | None, as_json_: bool) -> None:
    """Let a value tie nobody, as the blocked values of contracts/identifiers.yml; any spelling of it will do.

    \b
    Example:
      braid identity block email info@example.com --why "the shop's own mailbox"
    """
    from contracts import identifiers
    from orchestration.lib import decisions

    schema = _schema(target)
    types = [known.name for known in identifiers.read().types if not known.parts]

    def decide(store: Warehouse, maker: Maker) -> Decision:
        number = decisions.carriers(store, schema, kind, value)
        say(f"{number} records carry it today.")
        return decisions.block(store, types, kind, value, maker)

    _record("block", target, as_json_, why, by, decide)


@identity.command(short_help="Take a decision back.")
@click.argument("decision_id", metavar="ID")
@why_option
@by_option
@target_option
@json_option
def undo(decision_id: str, why: str, by: str | None, target: str | None, as_json_: bool) -> None:
    """Take a decision back; ids that it took or gave come back with the next build.

    \b
    Example:
      braid identity undo 3f2a9c0d11e4 --why "it was the same person after all"
    """
    from orchestration.lib import decisions

    _record("undo", target, as_json_, why, by, lambda store, maker: decisions.undo(store, decision_id, maker))


@identity.command(short_help="What was decided, by whom and why.")
@click.option("--all", "everything", is_flag=True, help="Also what was undone, and the undoing.")
@target_option
@json_option
def decisions(everything: bool, target: str | None, as_json_: bool) -> None:
    """List decisions, the oldest first.

    \b
    Example:
      braid identity decisions --all
    """
    from orchestration.lib import decisions as book

    configured_target(target)
    with open_locked(target, command="braid identity decisions", on_wait=say) as warehouse:
        rows = book.listed(warehouse)
    standing = {row.decision_id for row in book.active(rows)}
    shown = [row for row in rows if everything or row.decision_id in standing]
    if as_json_:
        documents = [{**asdict(row), "is_active": row.decision_id in standing} for row in shown]
        click.echo(as_json({"decisions": documents}))
    elif shown:
        headers = ("id", "kind", "says", "why", "by", "at", "active")
        lines = [
            (r.decision_id, r.kind, r.says, r.why, r.decided_by, r.decided_at, r.decision_id in standing) for r in shown
        ]
        click.echo(table(headers, lines))
    else:
        say("Nothing was decided by hand.")


@identity.command(short_help="What the last build's graph would change.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=0), help="Changes to show at most.")
@target_option
@json_option
def diff(limit: int, target: str | None, as_json_: bool) -> None:
    """Show what the last build's graph changes, against the graph that was published before it.

    Over a limit of contracts/identity_gate.yml the graph waits, until `braid identity approve` publishes it.

    \b
    Examples:
      braid identity diff
      braid identity diff --limit 500 --json
    """
    from orchestration.lib import gate

    schema = _schema(target)
    with open_locked(target, command="braid identity diff", on_wait=say) as warehouse:
        found = gate.read(warehouse, schema, limit)
    if as_json_:
        click.echo(as_json({"is_held": found.is_held, **asdict(found)}))
        return
    measures = [(one.measure, one.measured, one.most, one.is_over) for one in found.measures]
    click.echo(table(("measure", "measured", "limit", "over"), measures, right=frozenset({1, 2})))
    if found.changes:
        headers = ("change", "customer", "customers", "before", "after", "tied by", "records", "over")
        lines = [
            (c.change_type, c.customer_id, c.number_of_customers, c.records_before, c.records_after, c.identifier,
             c.number_of_records, c.is_over)
            for c in found.changes
        ]  # fmt: skip
        click.echo("\n" + table(headers, lines, right=frozenset({2, 3, 4, 6})))
    if found.number_of_changes > len(found.changes):
        say(f"{found.number_of_changes - len(found.changes):,} more changes: see --limit.")
    if found.is_held and found.approved_by:
        say(f"Approved by {found.approved_by}: the next `braid build` publishes it.")
    elif found.is_held:
        say("Held: `braid identity approve --why ...` publishes it, or put right what is wrong and build again.")


@identity.command(short_help="Publish the graph that the gate holds.")
@why_option
@by_option
@target_option
@json_option
def approve(why: str, by: str | None, target: str | None, as_json_: bool) -> None:
    """Let the graph through that `braid identity diff` shows; `undo` goes back to the graph before it.

    It is for one graph: what measures more than this one, by more than the gate's own limit, waits again.

    \b
    Example:
      braid identity approve --why "the two shops were merged into one list"
    """
    from orchestration.lib import gate

    schema = _schema(target)
    _record("approve", target, as_json_, why, by, lambda store, maker: gate.approve(store, schema, maker))


def _schema(target: str | None) -> str:
    from orchestration.lib.decisions import identity_schema

    return identity_schema(configured_target(target).project_root)


def _record(
    name: str,
    target: str | None,
    as_json_: bool,
    why: str,
    by: str | None,
    decide: Callable[[Warehouse, Maker], Decision],
) -> None:
    """Write one decision and say which."""
    import getpass

    from extract.pipeline import utc_now
    from orchestration.lib.decisions import Maker

    configured_target(target)
    maker = Maker(by if by is not None else getpass.getuser(), why, utc_now())
    with open_locked(target, command=f"braid identity {name}", on_wait=say) as warehouse:
        made = decide(warehouse, maker)
    if as_json_:
        click.echo(as_json(asdict(made)))
    else:
        click.echo(f"{made.decision_id}  {made.says}")
        say("The next `braid build` applies it.")
