"""`braid dead-letters`: events that the collector let nobody have."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orchestration.commands.dead_letters_replay import fix, replay
from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, plain, say, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from contracts.fixing import Selection
    from extract.dead_letters.letters import Group, Letter
    from warehouse.base import Warehouse

_STATUSES = ("waiting", "open", "failed", "replayed", "present", "all")


@click.group("dead-letters", short_help="Events that broke a rule: look, try a fix, replay.")
def dead_letters() -> None:
    """Events that the collector kept out: they break a rule of its own, or one of the tracking plan.

    None is lost. Put right what was wrong, the plan or the events by a fix, then replay: they land as if they had come
    so, each once.

    \b
    Examples:
      braid dead-letters list --event "Order Completed"
      braid dead-letters fix user_id_from_properties      a dry run, with a report
      braid dead-letters replay --fix user_id_from_properties
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
    from extract.dead_letters.asking import STATUSES, WAITING

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
    from extract.dead_letters.asking import STATUSES
    from extract.dead_letters.letters import outcomes, pages

    configured_target(target)
    opened = pages(_opener(target, "show"), [Selection(ids=(letter_id,))], STATUSES, payloads=True)
    found = [one for page in opened for one in page]
    if not found:
        raise CommandError(f"{letter_id}: no such dead letter; see `braid dead-letters list --status all --each`.")
    letter = found[0]
    with open_locked(target, command="braid dead-letters show", on_wait=say) as warehouse:
        tries = outcomes(warehouse, letter)
    if as_json_:
        click.echo(as_json({**_told(letter), "payload": letter.call, "outcomes": tries}))
        return
    for name, value in _told(letter).items():
        if name != "violations" and value is not None:
            click.echo(plain(f"{name}: {value}"))
    for broken in letter.broken:
        place = broken.get("path") or "the call"
        click.echo(plain(f"violation: {broken.get('rule')} at {place}: {broken.get('message')}"))
    for one in tries:
        by = f"{one['fix']} v{one['fix_version']}" if one["fix"] else "no fix"
        why = f", {one['failed_rule']}: {one['failed_reason']}" if one["failed_rule"] else ""
        tried = "once" if one["attempts"] == 1 else f"{one['attempts']} times"
        click.echo(f"tried {tried} with {by}, last {one['last_tried_at']:%Y-%m-%d %H:%M:%S}: {one['status']}{why}")
    click.echo(as_json(letter.call))


def _list_groups(selection: Selection, statuses: tuple[str, ...], target: str | None, as_json_: bool) -> None:
    from extract.dead_letters.letters import groups

    configured_target(target)
    found: list[Group] = groups(_opener(target, "list"), selection, statuses)
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
    from extract.dead_letters.letters import oldest

    configured_target(target)
    found, count = oldest(_opener(target, "list"), selection, statuses, limit)
    if as_json_:
        click.echo(as_json({"letters": [_told(one) for one in found], "all": count}))
    elif found:
        headers = ("id", "event", "rule", "source", "status", "attempts", "tries", "first seen", "last seen")
        lines = [
            (
                *(one.letter_id, one.event or one.type, one.rule, one.source, one.status),
                *(one.attempts, one.tries, one.first_seen_at, one.last_seen_at),
            )
            for one in found
        ]
        click.echo(table(headers, lines, right=frozenset({5, 6})))
        if count > limit:
            say(f"{limit:,} of {count:,}, the oldest; --limit shows more.")
    else:
        say("No dead letters.")


def _opener(target: str | None, what: str) -> Callable[[], AbstractContextManager[Warehouse]]:
    return lambda: open_locked(target, command=f"braid dead-letters {what}", on_wait=say)


def _told(letter: Letter) -> dict[str, Any]:
    """A letter without its payload: rules, paths and times are nobody's."""
    unsaid = ("payload", "violations", "raw_source", "was_tried")
    told = {name: value for name, value in asdict(letter).items() if name not in unsaid}
    return {**told, "violations": letter.broken}
