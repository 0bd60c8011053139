"""`braid value`: what customers are worth, learnt from what they bought, and how right that is."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table


@click.group(short_help="Predicted lifetime value: measure it, learn it.")
def value() -> None:
    """Learn from what customers bought how often they will, whether they still do, and for how much.

    \b
    Examples:
      braid value evaluate orders.csv --customer customer_id --date ordered_at --amount total \\
        --calibration-end 2025-06-30
      braid value train
    """


@value.command(short_help="Measure the models on purchases they have not seen.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--customer", required=True, metavar="COLUMN", help="Who bought.")
@click.option(
    "--date", "day", required=True, metavar="COLUMN", help="When: 1997-09-30, with a time or not, or 19970930."
)
@click.option("--amount", required=True, metavar="COLUMN", help="For how much, in one currency.")
@click.option(
    "--calibration-end", "end", required=True, metavar="DATE", type=click.DateTime(["%Y-%m-%d"]),
    help="The last day that is learnt from; what comes after is compared with.",
)  # fmt: skip
@click.option(
    "--unit", type=click.Choice(["days", "weeks"]), default="weeks", show_default=True, help="Of alpha and of times."
)
def evaluate(file: Path, customer: str, day: str, amount: str, end: datetime, unit: str) -> None:
    """Fit BG/NBD and Gamma-Gamma to the purchases of FILE (CSV, text or Parquet) up to a day, and compare what they
    expect of each customer with what came after it, until the newest day of the file.

    All purchases of a customer on one day are one. A negative amount gives something back and is no purchase. COLUMN is
    a name, or a number from 1 in a file that has no line of names; its columns may be set apart by blanks.

    The last line is one JSON object with the figures.

    \b
    Examples:
      braid value evaluate orders.parquet --customer customer_id --date ordered_at --amount total \\
        --calibration-end 2025-06-30
      braid value evaluate CDNOW_sample.txt --customer 2 --date 3 --amount 5 --calibration-end 1997-09-30
    """
    from value.evaluation import MANY
    from value.evaluation import evaluate as evaluate_file

    found = evaluate_file(file, customer=customer, day=day, amount=amount, end=end.date(), unit=unit)
    figures, loaded = found.figures, found.loaded
    say(
        f"{loaded.purchase_days:,} days of purchase of {loaded.customers:,} customers; {figures.customers:,} of them "
        f"bought by {figures.calibration_end}, {figures.repeat_customers:,} more than once."
    )
    if loaded.negative_rows or loaded.rows_of_nobody:
        say(
            f"{loaded.negative_rows:,} rows with a negative amount and {loaded.rows_of_nobody:,} without a customer "
            "are no purchases."
        )
    for name in (*found.purchases.at_edge, *found.spend.at_edge):
        say(
            f"{name} ran into the end of its range: these purchases do not settle it, so do not trust what rests on it."
        )
    click.echo(
        table(
            ("repeat purchases", "customers", "expected later", "made later"),
            [
                (f"{repeats}+" if repeats == MANY else f"{repeats}", f"{number:,}", f"{expected:.3f}", f"{made:.3f}")
                for repeats, number, expected, made in found.by_repeats
            ],
            right=frozenset({1, 2, 3}),
        )
    )
    click.echo(json.dumps(asdict(figures)))


@value.command(short_help="Learn from the warehouse's orders how customers buy.")
@target_option
@json_option
def train(target: str | None, as_json_: bool) -> None:
    """Learn the parameters of BG/NBD, and of Gamma-Gamma for each currency, from the orders of the last build, up to
    its cut-off, and publish them as one version.

    The next build scores with it. Run it again now and then, for instance every month; every version is kept, and one
    that learnt from orders after a build's cut-off is not used by it.

    \b
    Examples:
      braid value train
      braid value train --target prod --json
    """
    from extract.pipeline import utc_now
    from orchestration.lib.value_training import marts_schema
    from orchestration.lib.value_training import train as train_version
    from value.bg_nbd import NAMES

    root = configured_target(target).project_root
    done = train_version(
        lambda: open_locked(target, command="braid value train", on_wait=say), marts_schema(root), utc_now()
    )
    model = done.purchases
    for currency in done.unknown:
        say(f"Too few bought again in {currency or 'orders without a currency'} to tell what they will spend.")
    for name in (*model.at_edge, *(name for one in done.spend.values() for name in one.at_edge)):
        say(f"{name} ran into the end of its range: the orders do not settle it, so do not trust what rests on it.")
    parameters = dict(zip(NAMES, model.parameters, strict=True))
    if as_json_:
        found = {
            "model_version": done.version,
            "learnt_until": done.learnt_until,
            "customers": model.customers,
            "repeaters": done.repeaters,
            **parameters,
            "spend": [
                {"currency": currency, "customers": one.customers, "p": one.p, "q": one.q, "v": one.v}
                for currency, one in done.spend.items()
            ],
        }
        click.echo(as_json(found))
        return
    rows = [(name, f"{number:.6g}") for name, number in parameters.items()]
    for currency, one in done.spend.items():
        rows += [
            (f"{name} ({currency or 'no currency'})", f"{number:.6g}")
            for name, number in zip(("p", "q", "v"), (one.p, one.q, one.v), strict=True)
        ]
    click.echo(table(("parameter", "value"), rows, right=frozenset({1})))
    say(
        f"Version {done.version} of {model.customers:,} customers up to {done.learnt_until}, {done.repeaters:,} of "
        "whom came back. The next `braid build` scores with it."
    )
