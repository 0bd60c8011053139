"""`braid identity`: who is one customer."""

from __future__ import annotations

import click


@click.group(short_help="Who is one customer: evaluate, train.")
def identity() -> None:
    """Measure how right matching is, and teach it.

    \b
    Examples:
      braid identity evaluate people.csv --truth person_id
      braid identity train
    """
