"""`braid contracts`: what dbt needs, derived from the YAML in contracts/, and the data dictionary, from the models'."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.errors import CommandError


@click.group(short_help="Derive what dbt needs from contracts/, or check that it is current.")
def contracts() -> None:
    """What is agreed is written once, as YAML in contracts/; dbt reads what is derived from it.

    \b
    Examples:
      braid contracts build     after editing contracts/identifiers.yml, or an event of the tracking plan
      braid contracts check     in CI: exits 1 when a derived file is stale
    """


@contracts.command(short_help="Write the derived files that are stale.")
def build() -> None:
    """Write the seeds, macros, models and data dictionary that are missing or stale, and name what changed.

    Derived files that nothing derives any more are removed.

    \b
    Example:
      braid contracts build
    """
    from contracts import build as derived
    from contracts import dictionary
    from contracts.plan import FOLDER, files_of, staging
    from matching import rendering

    changed = [*derived.build(), *staging.build(files_of(FOLDER)), *dictionary.build()]
    if rendering.write():
        changed.append(rendering.MACROS)
    for path in changed:
        click.echo(_shown(path))
    if not changed:
        click.echo("All derived files are current.")


@contracts.command(short_help="Exit 1 when a derived file is stale.")
def check() -> None:
    """Compare the derived files with what they are derived from, and read the fixes; changes nothing.

    \b
    Example:
      braid contracts check
    """
    from contracts import build as derived
    from contracts import dictionary, fixing
    from contracts.plan import FOLDER, files_of, staging
    from matching import rendering

    stale = [*derived.check(), *staging.check(files_of(FOLDER)), *dictionary.check()]
    if not rendering.is_current():
        stale.append(rendering.MACROS)
    if stale:
        named = ", ".join(_shown(path) for path in stale)
        raise CommandError(f"{named}: not what it is derived from; run `braid contracts build` and commit the result.")
    if wrong := fixing.lint(fixing.FOLDER):
        raise CommandError(
            f"contracts/fixes/{wrong[0]} ({len(wrong)} in all; docs/dead-letters.md says how a fix is written)."
        )
    click.echo("All derived files are current.")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
