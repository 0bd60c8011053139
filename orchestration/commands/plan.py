"""`braid plan`: the tracking plan checked, compared and shown."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import FAILED, CommandError, SetupError
from orchestration.setup import json_option
from orchestration.terminal import as_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.plan import changes, events

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Another plan's folder; contracts/tracking_plan of this project unless given.",
)


@click.group(short_help="The tracking plan: check it, compare revisions, read it as a page.")
def plan() -> None:
    """Which events there are, what they hold, who answers for them, and what happens to those that break a rule.

    A plan is a folder: plan.yml with its settings, and a file for each event and version.

    \b
    Examples:
      braid plan lint
      braid plan diff main
      braid plan docs --open
    """


@plan.command(short_help="Names, owners, descriptions, tags, schemas: what is not as it should be.")
@folder_option
@json_option
def lint(folder: Path | None, as_json_: bool) -> int:
    """Check every file of the plan, and name file and line of what is wrong. Exits 1 when something is.

    \b
    Examples:
      braid plan lint
      braid plan lint --folder docs/examples/tracking_plans/ecommerce --json
    """
    from contracts.plan.lint import lint as checked

    place, files = _files(folder)
    problems = checked(files)
    if as_json_:
        click.echo(as_json({"folder": str(place), "files": len(files), "problems": [asdict(one) for one in problems]}))
    else:
        for problem in problems:
            click.echo(f"{_shown(place / problem.file)}:{problem.line}: {problem.message} [{problem.rule}]")
        say(f"{len(files)} files, {_counted(len(problems), 'problem')}.")
    return FAILED if problems else 0


@plan.command(short_help="What changed between two revisions, and what of it breaks somebody.")
@click.argument("old", default="HEAD", metavar="[OLD]")
@click.argument("new", required=False, metavar="[NEW]")
@folder_option
@json_option
def diff(old: str, new: str | None, folder: Path | None, as_json_: bool) -> int:
    """Compare the plan at two revisions of git: OLD (HEAD unless given) and NEW (the working folder unless given).

    Breaking is what makes calls that kept to OLD violate NEW, and what takes away or retypes what models read. It
    belongs into a new version of the event, where nothing breaks. Exits 1 when something does.

    \b
    Examples:
      braid plan diff                       what is not committed yet
      braid plan diff main                  in CI, before a merge
      braid plan diff v1.4.0 v1.5.0 --json
    """
    from contracts.plan import FOLDER, revisions
    from contracts.plan.changes import changes

    place = folder or FOLDER
    held = revisions.files_at(place, old)
    before = _readable(held or {}, old, must_be_fine=False)
    if new is None:
        after = _readable(_files(folder)[1], "the working folder")
    else:
        found = revisions.files_at(place, new)
        if found is None:
            raise SetupError(f"There is no tracking plan in {_shown(place)} at {new}.")
        after = _readable(found, new)
    if held is None:
        say(f"There is no tracking plan in {_shown(place)} at {old}: all of it is new, and nothing can be breaking.")
    found_changes = changes(before, after)
    breaking = sum(change.severity == "breaking" for change in found_changes)
    if as_json_:
        listed = [asdict(change) for change in found_changes]
        click.echo(as_json({"old": old, "new": new, "breaking": breaking, "changes": listed}))
    else:
        _show(found_changes)
        hint = "; give what breaks a new version of its event" if breaking else ""
        say(f"{_counted(len(found_changes), 'change')}, {breaking} breaking{hint}.")
    return FAILED if breaking else 0


@plan.command(short_help="The plan as one HTML page, to search and to send around.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("tracking-plan.html"),
    show_default=True,
    help="Where to write the page.",
)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@folder_option
def docs(output: Path, open_: bool, folder: Path | None) -> None:
    """Write the plan as a page of its own: events by category, their properties, owners, versions and tags.

    It needs no server and loads nothing: a file to open, to publish, or to attach.

    \b
    Examples:
      braid plan docs
      braid plan docs --folder docs/examples/tracking_plans/saas_onboarding -o plan.html --open
    """
    from contracts.plan.page import page

    _, files = _files(folder)
    content = page(_readable(files, "the plan"), files)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from error
    click.echo(_shown(output))
    if open_:
        click.launch(str(output.resolve()))


def _files(folder: Path | None) -> tuple[Path, Mapping[str, str]]:
    from contracts.plan import FOLDER, files_of

    place = folder or FOLDER
    return place, files_of(place)


def _readable(files: Mapping[str, str], where: str, *, must_be_fine: bool = True) -> events.Plan:
    from contracts.plan import events

    read = events.read(files)
    if must_be_fine and read.problems:
        count = _counted(len(read.problems), "problem")
        raise SetupError(f"{where} has {count}, first {str(read.problems[0])[:-1]}; see `braid plan lint`.")
    return read


def _show(found: list[changes.Change]) -> None:
    titles = {"breaking": "Breaking", "notice": "To know", "compatible": "Compatible"}
    for severity, title in titles.items():
        held = [change for change in found if change.severity == severity]
        if not held:
            continue
        click.echo(f"{title}:")
        for change in held:
            version = f" v{change.version}" if change.version is not None else ""
            path = f" {change.path}" if change.path else ""
            click.echo(f"  {change.event or 'plan.yml'}{version}{path}: {change.message} [{change.rule}]")


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
