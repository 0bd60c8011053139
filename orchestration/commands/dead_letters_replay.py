"""`braid dead-letters fix` and `replay`: dead letters mended, judged anew, and landed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.errors import FAILED, SetupError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from contracts.fixing import Fix, Fixes, Selection
    from extract.dead_letters.replaying import Plan
    from extract.dead_letters.trying import Difference, Trial
    from warehouse.base import Warehouse


def _judging(command: Callable[..., Any]) -> Callable[..., Any]:
    """By which plan and limits letters are judged, and when too many fail."""
    options = (
        click.option("--version", "fix_version", type=click.IntRange(1), help="Of the fix; the newest unless given."),
        click.option(
            "--plan",
            "plan_folder",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Folder of the tracking plan; contracts/tracking_plan unless given.",
        ),
        click.option("--no-plan", is_flag=True, help="Judge by no plan, as `braid collect serve --no-plan` does."),
        click.option(
            "--max-event-kb",
            type=click.IntRange(1, 1024),
            default=32,
            show_default=True,
            help="Most one event may have, as for `braid collect serve`.",
        ),
        click.option(
            "--max-failing",
            metavar="SHARE",
            help="Replay nothing when this share of the letters would fail again; 0.5, BRAID_BREAKER_SHARE, or off.",
        ),
        click.option(
            "--min-batch",
            type=click.IntRange(1),
            help="Letters from which on that counts; 20, or BRAID_BREAKER_MINIMUM.",
        ),
        click.option(
            "--fixes",
            "fixes_folder",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Another folder of fixes; contracts/fixes of this project unless given.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Try a fix on the letters it is for: a dry run.")
@click.argument("name", required=False)
@_judging
@click.option(
    "--sample", type=click.IntRange(0, 100), default=3, show_default=True, help="Letters shown before and after."
)
@click.option("--values", is_flag=True, help="Show values in them, which may be personal; else only their types.")
@target_option
@json_option
def fix(
    name: str | None,
    sample: int,
    values: bool,
    target: str | None,
    as_json_: bool,
    **judging: Any,
) -> int:
    """Try the fix NAME on the dead letters it is for, and report what the tracking plan says of them then.

    Nothing is written. Exits 1 when so many would fail again that `replay` would refuse. Without NAME, list the fixes.

    \b
    Examples:
      braid dead-letters fix
      braid dead-letters fix order_total_as_number --sample 10
      braid dead-letters fix order_total_as_number --values --json
    """
    fixes = _fixes(judging["fixes_folder"])
    if name is None:
        _list_fixes(fixes, as_json_)
        return 0
    from extract.dead_letters.replaying import try_out

    chosen = fixes.newest(name, judging["fix_version"])
    plan = _plan([chosen.letters], chosen, judging)
    trial = try_out(plan, _opened(target, f"fix {name}"), samples=sample, values=values)
    trips = plan.breaker.trips(trial.failed, trial.letters)
    if as_json_:
        click.echo(as_json(_document(trial, plan) | {"would_be_refused": trips}))
    else:
        _report(trial, chosen)
        if trips:
            say("So many would fail that `replay` refuses all of them; mend the fix, or see --max-failing.")
    return FAILED if trips else 0


@click.command(short_help="Judge letters again, and land those that pass.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--fix", "name", metavar="NAME", help="Mend them first by this fix: those it is for.")
@click.option("--event", "events", multiple=True, help="Of these events only; of other calls their kind.")
@click.option("--rule", "rules", multiple=True, help="That broke one of these rules only.")
@click.option("--source", "sources", multiple=True, help="Of these write keys' sources only.")
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@_judging
@target_option
@json_option
def replay(
    ids: tuple[str, ...],
    name: str | None,
    events: tuple[str, ...],
    rules: tuple[str, ...],
    sources: tuple[str, ...],
    everything: bool,
    target: str | None,
    as_json_: bool,
    **judging: Any,
) -> int:
    """Judge dead letters as the collector would now, mended by a fix if one is named, and land those that pass.

    Each event lands once, under the message id it came with, however often this runs. When half of them would fail
    again, nothing is done at all. Exits 1 while some fail.

    \b
    Examples:
      braid dead-letters replay --fix order_total_as_number
      braid dead-letters replay --event "Order Completed"      after the plan was mended
      braid dead-letters replay 3f2a9c0d11e4b7a6
    """
    from contracts.fixing import Selection
    from extract.dead_letters.replaying import replay as replay_letters

    selection = Selection(sources=sources, events=events, rules=rules, ids=ids)
    if selection.is_empty and name is None and not everything:
        raise SetupError("Say which dead letters: --fix, --event, --rule, --source, their ids, or --all.")
    fix_ = _fixes(judging["fixes_folder"]).newest(name, judging["fix_version"]) if name else None
    selections = [selection, *([fix_.letters] if fix_ else [])]
    plan = _plan(selections, fix_, judging)
    done = replay_letters(plan, _opened(target, "replay"))
    if as_json_:
        outcome = {"run_id": done.run_id, "landed": done.landed, "present": done.present, "failed": done.failed}
        click.echo(as_json(_document(done.trial, plan) | outcome))
    elif not done.trial.letters:
        say("No dead letters of these wait.")
    else:
        present = f", {done.present:,} were there already" if done.present else ""
        click.echo(f"{done.landed:,} events landed{present}, {done.failed:,} letters fail still.")
        _report_failing(done.trial)
    return FAILED if done.failed else 0


def _fixes(folder: Path | None) -> Fixes:
    from contracts.fixing import FOLDER, load

    return load(folder or FOLDER)


def _plan(selections: list[Selection], fix_: Fix | None, judging: dict[str, Any]) -> Plan:
    """How letters are judged: by the collector's own intake."""
    from collect.again import Again
    from collect.events import Intake
    from collect.judging import Judge, Unplanned
    from contracts.plan import FOLDER
    from contracts.plan import Plan as TrackingPlan
    from extract.breaker import Breaker, share_of
    from extract.dead_letters.replaying import Plan

    if judging["no_plan"] and judging["plan_folder"]:
        raise SetupError("Give --plan or --no-plan, not both.")
    breaker = Breaker.from_environment(os.environ)
    if judging["max_failing"] is not None:
        try:
            breaker = replace(breaker, share=share_of(judging["max_failing"]))
        except ValueError:
            said = judging["max_failing"]
            raise SetupError(f"--max-failing is {said!r}: write a share above 0 and up to 1, or off.") from None
    if judging["min_batch"] is not None:
        breaker = replace(breaker, minimum=judging["min_batch"])
    judge: Judge = Unplanned() if judging["no_plan"] else TrackingPlan.load(judging["plan_folder"] or FOLDER)
    intake = Intake(judge, event_bytes=judging["max_event_kb"] * 1024)
    return Plan(selections, Again(intake, judge.version), fix_, breaker)


def _opened(target: str | None, what: str) -> Callable[[], AbstractContextManager[Warehouse]]:
    configured_target(target)
    return lambda: open_locked(target, command=f"braid dead-letters {what}", on_wait=say)


def _list_fixes(fixes: Fixes, as_json_: bool) -> None:
    from contracts.fixing.reading import described

    found = list(described(fixes))
    if as_json_:
        click.echo(as_json({"fixes": found}))
    elif found:
        click.echo(
            table(("fix", "version", "owner", "why"), [(f["name"], f["version"], f["owner"], f["why"]) for f in found])
        )
    else:
        say("There are no fixes yet; docs/dead-letters.md says how to write one.")


def _document(trial: Trial, plan: Plan) -> dict[str, Any]:
    return {
        "fix": {"name": plan.fix.name, "version": plan.fix.version, "digest": plan.fix.digest} if plan.fix else None,
        "plan_version": plan.door.plan_version,
        "letters": trial.letters,
        "changed": trial.changed,
        "passing": trial.passing,
        "passing_with_violations": trial.with_violations,
        "failing": [{**why._asdict(), "letters": count} for why, count in trial.failing.most_common()],
        "samples": [
            {**one._asdict(), "differences": [difference._asdict() for difference in one.differences]}
            for one in trial.samples
        ],
    }


def _report(trial: Trial, fix_: Fix) -> None:
    said = f"{fix_.name} v{fix_.version}: {trial.letters:,} letters"
    if not trial.letters:
        click.echo(f"{said}; none that it is for waits.")
        return
    violations = (
        f" ({trial.with_violations:,} with violations that the plan lets pass)" if trial.with_violations else ""
    )
    click.echo(
        f"{said}, {trial.changed:,} changed by it; {trial.passing:,} pass now{violations}, {trial.failed:,} fail."
    )
    _report_failing(trial)
    for one in trial.samples:
        click.echo(f"{one.letter_id} {'passes' if one.passes else 'fails still'}:")
        for difference in one.differences:
            click.echo(f"  {difference.path}: {_change(difference)}")


def _report_failing(trial: Trial) -> None:
    if trial.failing:
        lines = [(why.rule, why.path or None, count, why.reason) for why, count in trial.failing.most_common(20)]
        click.echo(table(("still fails by", "at", "letters", "reason"), lines, right=frozenset({2})))


def _change(difference: Difference) -> str:
    if difference.before is None:
        return f"added, {difference.after}"
    if difference.after is None:
        return f"{difference.before}, removed"
    if difference.before == difference.after:
        return f"another {difference.after}"
    return f"{difference.before} became {difference.after}"
