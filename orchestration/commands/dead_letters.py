"""`braid dead-letters`: events that the collector let nobody have."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orchestration.commands.dead_letters_replay import fix, replay
from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from contracts.fixing import Selection
    from extract.dead_letters.letters import Group, Letter

_STATUSES = ("waiting", "open", "failed", "replayed", "present", "all")


@click.group("dead-letters", short_help="Events that broke a rule: look, try a fix, replay.")
def dead_letters() -> None:
    """Events that the collector kept out: they break a rule of its own, or one of the tracking plan.

    None is lost. Put right what was wrong, the plan or the events by a fix, then replay: they land as if they had come
    so, each once.

    \b
    Examples:
      braid dead-letters list --event "Order Completed"
      braid dead-letters fix order_total_as_number        a dry run, with a report
      braid dead-letters replay --fix order_total_as_number
    """


dead_letters.add_command(fix)
dead_letters.add_command(replay)


@dead_letters.command("list", short_help="Which there are, counted by event, rule and source.")
@click.option("--event", "events", multiple=True, help="Of these events only; of other calls their kind.")
@click.option("--rule", "rules", multiple=True, help="That broke one of these rules only.")
@click.option("--source", "sources", multiple=True, help="Of these write keys' sources only.")
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    default="waiting",
    show_default=True,
    help="open: never tried; failed: tried in vain; waiting: both; replayed; present: its event had landed already.",
)
@click.option("--each", is_flag=True, help="One line a letter, with its id.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most lines of --each.")
@target_option
@json_option
def list_(
    events: tuple[str, ...],
    rules: tuple[str, ...],
    sources: tuple[str, ...],
    status: str,
    each: bool,
    limit: int,
    target: str | None,
    as_json_: bool,
) -> None:
    """Count dead letters by event, rule, source and status, the most frequent first; never with their payload.

    \b
    Examples:
      braid dead-letters list
      braid dead-letters list --rule type --source web --each
    """
    from contracts.fixing import Selection
    from extract.dead_letters.letters import STATUSES, WAITING

    chosen = {"waiting": WAITING, "all": STATUSES}.get(status, (status,))
    selection = Selection(sources=sources, events=events, rules=rules)
    if each:
        _list_each(selection, chosen, limit, target, as_json_)
    else:
        _list_groups(selection, chosen, target, as_json_)


@dead_letters.command(short_help="One letter with its payload, and what was tried.")
@click.argument("letter_id", metavar="ID")
@target_option
@json_option
def show(letter_id: str, target: str | None, as_json_: bool) -> None:
    """Show a letter, the rules it breaks, what was tried, and its payload as it came: personal data.

    \b
    Example:
      braid dead-letters show 3f2a9c0d11e4b7a6
    """
    from contracts.fixing import Selection
    from extract.dead_letters.letters import STATUSES, outcomes

    found = _letters(Selection(ids=(letter_id,)), STATUSES, target)
    if not found:
        raise CommandError(f"{letter_id}: no such dead letter; see `braid dead-letters list --status all --each`.")
    letter = found[0]
    with open_locked(target, command="braid dead-letters show", on_wait=say) as warehouse:
        tries = outcomes(warehouse, letter)
    if as_json_:
        click.echo(as_json({**_told(letter), "payload": json.loads(letter.payload), "outcomes": tries}))
        return
    for name, value in _told(letter).items():
        if name != "violations" and value is not None:
            click.echo(f"{name}: {value}")
    for broken in letter.broken:
        click.echo(f"violation: {broken.get('rule')} at {broken.get('path') or 'the call'}: {broken.get('message')}")
    for one in tries:
        by = f"{one['fix']} v{one['fix_version']}" if one["fix"] else "no fix"
        why = f", {one['failed_rule']}: {one['failed_reason']}" if one["failed_rule"] else ""
        tried = "once" if one["attempts"] == 1 else f"{one['attempts']} times"
        click.echo(f"tried {tried} with {by}, last {one['last_tried_at']:%Y-%m-%d %H:%M:%S}: {one['status']}{why}")
    click.echo(json.dumps(json.loads(letter.payload), indent=2, ensure_ascii=False))


def _list_groups(selection: Selection, statuses: tuple[str, ...], target: str | None, as_json_: bool) -> None:
    from extract.dead_letters.letters import groups

    configured_target(target)
    found: list[Group] = groups(
        lambda: open_locked(target, command="braid dead-letters list", on_wait=say), selection, statuses
    )
    if as_json_:
        click.echo(as_json({"groups": [asdict(one) for one in found]}))
    elif found:
        headers = ("event", "rule", "source", "status", "letters", "attempts", "first seen", "last seen", "for example")
        lines = [
            (g.event, g.rule, g.source, g.status, g.letters, g.attempts, g.first_seen_at, g.last_seen_at, g.example)
            for g in found
        ]
        click.echo(table(headers, lines, right=frozenset({4, 5})))
    else:
        say("No dead letters.")


def _list_each(selection: Selection, statuses: tuple[str, ...], limit: int, target: str | None, as_json_: bool) -> None:
    found = _letters(selection, statuses, target)
    found.sort(key=lambda one: (one.first_seen_at, one.letter_id))
    if as_json_:
        click.echo(as_json({"letters": [_told(one) for one in found[:limit]], "all": len(found)}))
    elif found:
        headers = ("id", "event", "rule", "source", "status", "attempts", "tries", "first seen", "last seen")
        lines = [
            (
                *(one.letter_id, one.event or one.type, one.rule, one.source, one.status),
                *(one.attempts, one.tries, one.first_seen_at, one.last_seen_at),
            )
            for one in found[:limit]
        ]
        click.echo(table(headers, lines, right=frozenset({5, 6})))
        if len(found) > limit:
            say(f"{limit:,} of {len(found):,}, the oldest; --limit shows more.")
    else:
        say("No dead letters.")


def _letters(selection: Selection, statuses: tuple[str, ...], target: str | None) -> list[Letter]:
    from extract.dead_letters.letters import pages

    configured_target(target)
    opened = pages(lambda: open_locked(target, command="braid dead-letters", on_wait=say), [selection], statuses)
    return [one for page in opened for one in page]


def _told(letter: Letter) -> dict[str, Any]:
    """A letter without its payload: rules, paths and times are nobody's."""
    told = {name: value for name, value in asdict(letter).items() if name not in ("payload", "violations")}
    return {**told, "violations": letter.broken}
