"""`braid identity evaluate` and `train`: how right matching is, and what it learns from the warehouse's records."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from matching.pipeline import Learnt


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
    if found.known < found.records:
        say(f"{found.records - found.known:,} have no truth: they are matched, and the figures are of the others.")
    if not found.repeats:
        say("No value of the truth column comes twice: recall says nothing, and every link is wrong.")
    say(
        f"One pair in {1 / (model.prior + model.moved):,.0f} is expected to be one person; "
        f"a link begins at {model.link:g} bits, review at {model.review:g}."
    )
    click.echo(_rules(found.learnt))
    click.echo(json.dumps(asdict(found.figures)))
    return 0


@click.command(short_help="Learn from the warehouse's records how alike those of one person are.")
@target_option
@json_option
def train(target: str | None, as_json_: bool) -> int:
    """Learn the weights of matching from the records of the last build, and publish them as one version.

    Splink estimates how often the records of one person agree and how often others do by chance; the next build scores
    with it, and links what is likely enough. Run it again when much has changed; every version is kept but its names.

    \b
    Examples:
      braid identity train
      braid identity train --target prod --json
    """
    from extract.pipeline import utc_now
    from orchestration.lib.match_training import rule_verdicts
    from orchestration.lib.match_training import train as train_version

    root = configured_target(target).project_root
    done = train_version(
        lambda: open_locked(target, command="braid identity train", on_wait=say), _identity_schema(root), utc_now()
    )
    model = done.learnt.model
    if as_json_:
        found = {
            "model_version": done.version,
            "records": done.learnt.records,
            "link_weight": model.link,
            "review_weight": model.review,
            "rules": [dict(zip(("rule", "pairs", "verdict"), row, strict=True)) for row in rule_verdicts(done.learnt)],
        }
        click.echo(as_json(found))
        return 0
    click.echo(_rules(done.learnt))
    say(
        f"Version {done.version} of {done.learnt.records:,} records: {done.weights} weights, {done.frequencies:,} "
        f"frequencies; a link begins at {model.link:g} bits. The next `braid build` scores with it."
    )
    return 0


def _rules(learnt: Learnt) -> str:
    from orchestration.lib.match_training import rule_verdicts

    rows = [(name, f"{pairs:,}", verdict) for name, pairs, verdict in rule_verdicts(learnt)]
    return table(("blocking", "pairs", "verdict"), rows, right=frozenset({1}))


def _identity_schema(project: Path) -> str:
    """Schema of the identity models of the dbt project in ``project``."""
    import yaml

    variables = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")).get("vars") or {}
    return f"{variables.get('schema_prefix') or ''}identity"


COMMANDS = (evaluate, train)
