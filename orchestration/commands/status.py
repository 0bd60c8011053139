"""`braid status`: how far each object is, without getting in anybody's way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, target_option
from orchestration.terminal import ago, as_json, table

if TYPE_CHECKING:
    from extract.drift import Noticed
    from extract.status import ObjectStatus

# Schema changes that are named, unless they are accepted: so old at most, so many an object.
_RECENT = timedelta(days=30)
_NAMED = 3
# Tests that are named.
_NAMED_TESTS = 10


@click.command(short_help="Per object: proven up to when, rows, last run, lag.")
@target_option
@json_option
def status(target: str | None, as_json_: bool) -> None:
    """Show how far each object is: up to when its rows are proven complete, rows, last run, time since.

    Reads the serving copy of the last green build, so it works while a build runs and disturbs nobody; before the first
    build it reads the warehouse itself. What was extracted since the copy was made shows after the next build. Schema
    changes of the last 30 days are named until contracts/schema_changes.yml accepts or ignores them, an identity graph
    that the gate holds until it is corrected or approved, and tests that did not pass, with who answers for them.

    \b
    Examples:
      braid status
      braid status --json
    """
    from extract.dead_letters import letters
    from extract.drift import noticed
    from extract.status import object_status
    from orchestration.lib import gate, standing
    from orchestration.lib.decisions import identity_schema
    from orchestration.lib.looking import looking

    now = datetime.now(UTC).replace(tzinfo=None)
    chosen = configured_target(target)
    with looking(chosen, command="braid status") as view:
        objects = object_status(view.warehouse)
        held = gate.held(view.warehouse, identity_schema(chosen.project_root))
        changes = _unaccepted(noticed(view.warehouse, now - _RECENT))
        waiting = letters.waiting(view.warehouse)
        tests = standing.not_passed(view.warehouse, chosen.project_root)
    if as_json_:
        document = {
            "read_from": view.name,
            "copy_age_seconds": None if view.age_seconds is None else round(view.age_seconds, 1),
            "objects": [_document(item, now) for item in objects],
            "dead_letters_waiting": waiting,
            "identity": {"is_held": held is not None, **({} if held is None else {**asdict(held), "why": held.why})},
            "schema_changes": [{**asdict(change), "severity": severity} for change, severity in changes],
            "tests_not_passed": [asdict(test) for test in tests],
        }
        click.echo(as_json(document))
        return
    if not objects:
        raise CommandError(f"Nothing was extracted into {view.name} yet: start with `braid extract SOURCE`.")
    headers = ("source", "object", "proven up to", "rows", "last run", "status", "landed", "lag")
    rows = [
        (
            item.source,
            item.object,
            _proven(item),
            item.rows,
            item.last_run_at,
            item.last_status,
            item.last_rows_landed,
            ago(item.lag_seconds(now)),
        )
        for item in objects
    ]
    click.echo(table(headers, rows, right=frozenset({3, 6})))
    for item in objects:
        if item.last_error:
            click.echo(f"{item.source} {item.object}: {item.last_error}")
        if item.open_windows:
            click.echo(
                f"{item.source} {item.object}: {item.open_windows} open windows, where the source counts other rows "
                f"than landed; run `braid reconcile {item.source} {item.object}`."
            )
        if item.quarantined:
            click.echo(
                f"{item.source} {item.object}: {item.quarantined} rows in quarantine; see `braid quarantine list`."
            )
    if waiting:
        click.echo(f"events dead_letters: {waiting:,} wait to be replayed; see `braid dead-letters list`.")
    for line in _told(changes):
        click.echo(line)
    for test in tests[:_NAMED_TESTS]:
        click.echo(test.said)
    if len(tests) > _NAMED_TESTS:
        click.echo(f"and {len(tests) - _NAMED_TESTS} more tests did not pass; see ops_test_status.")
    if held is not None:
        since = "" if held.since is None else f" since {held.since:%Y-%m-%d %H:%M}"
        click.echo(
            f"identity: the gate holds the graph{since}, customers are those of then: {held.why}; {held.remedy}."
        )
    if view.age_seconds is not None:
        click.echo(f"As of the serving copy made {ago(view.age_seconds)} ago ({view.name}); times are UTC.")
    else:
        click.echo(f"As of now ({view.name}); times are UTC.")


def _unaccepted(changes: Sequence[Noticed]) -> list[tuple[Noticed, str]]:
    """Changes that the contract neither accepts nor ignores, with their severity."""
    if not changes:
        return []
    from contracts import schema_changes
    from orchestration.lib.schema_news import judged

    rules = schema_changes.read()
    found = []
    for change in changes:
        severity, accepted = judged(change, rules)
        if severity != "ignore" and not accepted:
            found.append((change, severity))
    return found


def _told(changes: Sequence[tuple[Noticed, str]]) -> Iterator[str]:
    """A line for each object with changes, the fatal ones first."""
    from orchestration.lib.schema_news import said

    by_object: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for change, severity in changes:
        by_object.setdefault((change.source, change.object), []).append((severity, said(change)))
    for (source, name), found in sorted(by_object.items()):
        # The same change twice is one line's worth: a column that went, came and went.
        words = list(dict.fromkeys(f"{what}, fatal" if how == "fatal" else what for how, what in sorted(found)))
        more = f"; and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
        named = "; ".join(words[:_NAMED]) + more
        yield f"{source} {name}: {named}; once seen to, accept it in contracts/schema_changes.yml."


def _proven(item: ObjectStatus) -> str:
    """The moment the source's own counts prove, or how far it was read where nothing counts."""
    if item.proven_to is not None:
        return f"{item.proven_to}"
    return f"read to {item.watermark}, not countable" if item.watermark else "nothing yet"


def _document(item: ObjectStatus, now: datetime) -> dict[str, object]:
    lag = item.lag_seconds(now)
    return {
        "source": item.source,
        "object": item.object,
        "table": item.table,
        "watermark": item.watermark,
        "proof": item.proof,
        "proven_to": item.proven_to,
        "open_windows": item.open_windows,
        "quarantined": item.quarantined,
        "rows": item.rows,
        "last_run_at": item.last_run_at,
        "last_status": item.last_status,
        "last_rows_landed": item.last_rows_landed,
        "last_error": item.last_error,
        "last_success_at": item.last_success_at,
        "lag_seconds": None if lag is None else round(lag, 1),
    }
