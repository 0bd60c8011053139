"""`braid identity weights`: what was learnt, level by level, as a table, as JSON and as a chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError
from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from orchestration.lib.match_weights import VersionWeights


@click.command(short_help="What matching has learnt: a weight for each level.")
@click.option("--version", metavar="VERSION", help="A version of ops.match_models; the newest unless told.")
@click.option(
    "--from", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Not of the warehouse, but of a file that --json wrote.",
)  # fmt: skip
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also draw the chart.")
@target_option
@json_option
def weights(version: str | None, file: Path | None, svg: Path | None, target: str | None, as_json_: bool) -> None:
    """Show for each level of each comparison how often it holds for one person (m), by chance (u) and for two people
    of a household (h), and what it says in bits: log2 of m over u, and of h over u.

    No value of anybody is in it. The chart is a single file with nothing from elsewhere.

    \b
    Examples:
      braid identity weights
      braid identity weights --svg weights.svg
      braid identity weights --json > weights.json
      braid identity weights --from weights.json --svg weights.svg
    """
    from orchestration.lib import match_weights

    if file is not None:
        if version is not None or target is not None:
            raise click.UsageError("A file holds one version: --from goes with neither --version nor --target.")
        found = match_weights.read_file(file)
    else:
        configured_target(target)
        with open_locked(target, command="braid identity weights", on_wait=say) as warehouse:
            found = match_weights.read(warehouse, version)
    if svg is not None:
        _draw(found, svg)
    if as_json_:
        click.echo(as_json(found.document()))
        return
    rows = [
        (item.name, level.words, f"{level.m:.4g}", f"{level.u:.3g}", f"{level.h:.3g}", f"{level.n:.3g}",
         f"{level.weight:+.2f}", f"{level.household_weight:+.2f}", f"{level.namesake_weight:+.2f}")
        for item in found.comparisons
        for level in item.levels
    ]  # fmt: skip
    headers = ("comparison", "level", "m", "u", "h", "n", "bits", "household", "namesakes")
    click.echo(table(headers, rows, right=frozenset(range(2, 9))))
    one_in = match_weights.one_in
    say(
        f"Version {found.model_version} of {found.number_of_records:,} records. Of all pairs, {one_in(found.prior)} is "
        f"one person, {one_in(found.moved_prior)} one who moved, {one_in(found.household_prior)} a household, "
        f"{one_in(found.namesake_prior)} namesakes; a link begins at {found.link_weight:g} bits, review at "
        f"{found.review_weight:g}."
    )


def _draw(found: VersionWeights, file: Path) -> None:
    from orchestration.explain.weights import drawn

    try:
        file.write_text(drawn(found), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
    say(f"Wrote {file}.")
