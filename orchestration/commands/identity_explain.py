"""`braid identity explain`: why records are one customer, and where the golden values come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, target_option
from orchestration.terminal import ago, as_json, say

if TYPE_CHECKING:
    from orchestration.explain.answers import Answer


@click.command(short_help="Why these are one customer, or two.")
@click.argument("names", metavar="CUSTOMER|RECORD [RECORD|CUSTOMER]", nargs=-1, required=True)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also draw the links.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write a page with all of it."
)
@target_option
@json_option
def explain(names: tuple[str, ...], svg: Path | None, html: Path | None, target: str | None, as_json_: bool) -> None:
    """Show what ties a customer's records, and of each golden field the value, the rule, and what was not chosen.

    With two names: the links that lead from the one to the other, or why there are none. An id that was merged away
    stands for the customer it is today. Reads the serving copy, as of the last green build. The drawing and the page
    are single files with nothing from elsewhere; they show personal data.

    \b
    Examples:
      braid identity explain cus_5f0c2a1b9d3e4f5061728394
      braid identity explain hubspot:contact:101 segment:user:u_7
      braid identity explain hubspot:contact:101 --html why.html
    """
    from contracts import identifiers
    from orchestration.explain.answers import explain as answered
    from orchestration.explain.document import document
    from orchestration.explain.facts import Reader
    from orchestration.explain.text import written
    from orchestration.lib.decisions import identity_schema
    from orchestration.lib.looking import looking

    if len(names) > 2:
        raise click.UsageError("Name one customer or record, or two to see what leads from one to the other.")
    chosen = configured_target(target)
    values = {known.name for known in identifiers.read().types}
    with looking(chosen, command="braid identity explain") as view:
        answer = answered(Reader(view.warehouse, identity_schema(chosen.project_root)), names, values)
    _write(answer, svg, html)
    if as_json_:
        click.echo(as_json({"read_from": view.name, **document(answer)}))
        return
    click.echo(written(answer))
    if view.age_seconds is not None:
        say(f"As of the serving copy made {ago(view.age_seconds)} ago ({view.name}); times are UTC.")


def _write(answer: Answer, svg: Path | None, html: Path | None) -> None:
    for file, kind in ((svg, "svg"), (html, "html")):
        if file is None:
            continue
        if kind == "svg":
            from orchestration.explain.drawing import drawn as rendered
        else:
            from orchestration.explain.page import page as rendered
        try:
            file.write_text(rendered(answer), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        say(f"Wrote {file}.")
