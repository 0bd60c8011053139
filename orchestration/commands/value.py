"""`braid value`: what customers are worth, learnt from what they bought, and how right that is."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from orchestration.terminal import say, table


@click.group(short_help="Predicted lifetime value: measure it, learn it.")
def value() -> None:
    """Learn from what customers bought how often they will, whether they still do, and for how much.

    \b
    Examples:
      braid value evaluate orders.csv --customer customer_id --date ordered_at --amount total \\
        --calibration-end 2025-06-30
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
