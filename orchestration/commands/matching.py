"""`braid identity evaluate` and `train`: how right matching is, and what it learns from the warehouse's records."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from orchestration.terminal import say, table


@click.command(short_help="Measure matching on records whose truth is known.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--truth", required=True, metavar="COLUMN", help="Equal for records of one person.")
@click.option("--id", "record_id", metavar="COLUMN", help="The record's id; without it, rows are numbered.")
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS", help="Their column for one of ours; repeatable.")
def evaluate(files: tuple[Path, ...], truth: str, record_id: str | None, maps: tuple[str, ...]) -> int:
    """Match the person records of CSV or Parquet FILEs with the shipped configuration, and compare with the truth.

    Several files are one set. Columns of ours, any of which may be absent: record_id source first_name middle_name
    last_name full_name date_of_birth email phone street city state postcode country national_id occupation birth_place;
    common other names (surname, dob, zip) are known. Dates may be in any common order. Weights are learnt from the
    records; configuration is not.

    The last line is one JSON object with the figures.

    \b
    Examples:
      braid identity evaluate people.csv --truth person_id
      braid identity evaluate a.csv b.csv --truth person --id row_id --map last_name=family --map postcode=zip
    """
    from matching.evaluation import evaluate as evaluate_files

    names = {}
    for item in maps:
        ours, equals, theirs = item.partition("=")
        if not (ours and equals and theirs):
            raise click.BadParameter(f"{item!r} is not ours=theirs.", param_hint="--map")
        names[ours.strip()] = theirs.strip()
    found = evaluate_files(files, truth=truth, record_id=record_id, names=names)
    model = found.learnt.model
    say(f"{found.records:,} records with {', '.join(found.columns)}.")
    say(
        f"One pair in {1 / model.prior:,.0f} is one person, one in {1 / model.household:,.0f} a household; "
        f"a link begins at {model.link:g} bits, review at {model.review:g}."
    )
    kept = {rule.name for rule in model.blocking}
    rows = [
        (
            item.rule.name,
            f"{item.pairs:,}",
            "refused" if item.refused else "used" if item.rule.name in kept else "spare",
        )
        for item in found.learnt.rules
    ]
    click.echo(table(("blocking", "pairs", "is"), rows, right=frozenset({1})))
    click.echo(json.dumps(asdict(found.figures)))
    return 0


COMMANDS = (evaluate,)
