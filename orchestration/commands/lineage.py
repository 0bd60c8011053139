"""`braid lineage`: the columns that a column is made of, back to the sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, target_option
from orchestration.terminal import as_json

if TYPE_CHECKING:
    from orchestration.lib.lineage import Column, Step


@click.command(short_help="Where a column of a model comes from, back to the sources.")
@click.argument("column", metavar="MODEL.COLUMN")
@target_option
@json_option
def lineage(column: str, target: str | None, as_json_: bool) -> None:
    """Show the columns that MODEL.COLUMN is made of, model by model, back to the sources.

    Read from what dbt compiled last (`braid build`), without the warehouse. What only filters, joins or orders rows
    is not shown. The walk ends at sources and seeds, and at tables that a materialisation of Braid's own makes.

    \b
    Examples:
      braid lineage fct_orders.amount
      braid lineage customer_360.email --json
    """
    from orchestration.lib.lineage import Column, Lineage, LineageError, sources
    from orchestration.lib.project import target_folder

    model, _, name = column.rpartition(".")
    if not model:
        raise click.UsageError(f"{column!r} names no column: write MODEL.COLUMN, as in fct_orders.amount.")
    wanted = Column(model, name.lower())
    try:
        steps = list(Lineage(target_folder(), configured_target(target).type).steps(wanted))
    except LineageError as error:
        raise CommandError(str(error)) from None
    begins = sources(steps)
    if as_json_:
        document = {
            "column": str(wanted),
            "steps": [
                {"column": str(step.column), "inputs": [str(one) for one in step.inputs], "ends": step.ends}
                for step in steps
            ],
            "sources": [str(one) for one in begins],
        }
        click.echo(as_json(document))
        return
    for line in _tree(wanted, {step.column: step for step in steps}, set(), 0):
        click.echo(line)
    click.echo(f"\nBegins at: {', '.join(map(str, begins)) or 'no column of a source'}.")


def _tree(column: Column, steps: dict[Column, Step], shown: set[Column], depth: int) -> Iterator[str]:
    """A line for each column under what is made of it; what was shown is not gone into again."""
    step = steps[column]
    again = column in shown
    note = " (as above)" if again and step.inputs else f"  [{step.ends}]" if step.ends else ""
    yield f"{'  ' * depth}{column}{note}"
    if not again:
        shown.add(column)
        for one in step.inputs:
            yield from _tree(one, steps, shown, depth + 1)
