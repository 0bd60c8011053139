"""Purchases out of a CSV, text or Parquet file, as days on which customers bought.

A row with a negative amount gives something back and is no purchase; all of a customer's purchases of one day are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from value import ValueModelError
from value.expectation import Floats

UNITS: Mapping[str, float] = {"days": 1.0, "weeks": 7.0}
_PARQUET = (".parquet", ".pq")
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Loaded:
    """What came of a file: days of purchase, and rows that are none, for they give back or name nobody."""

    purchase_days: int
    customers: int
    negative_rows: int
    rows_of_nobody: int
    newest: date


@dataclass(frozen=True)
class Summaries:
    """A row per customer who bought by the end of the calibration; times in the unit asked for.

    ``mean`` and ``spent_later`` are money: the mean of repeat days of purchase (0 without any) and all of the holdout.
    ``bought_later`` counts days of purchase in the holdout.
    """

    x: Floats
    last: Floats
    age: Floats
    mean: Floats
    bought_later: Floats
    spent_later: Floats


def load(connection: duckdb.DuckDBPyConnection, file: Path, *, customer: str, day: str, amount: str) -> Loaded:
    """Make the table ``purchase_days`` of customer, day and amount.

    A column is a name, or its number from 1 where the file has no line of names. Raises ValueModelError for a file or
    column that is not there, and for a date or an amount that cannot be read.
    """
    if not file.is_file():
        raise ValueModelError(f"{file} is no file.")
    try:
        rows, columns = _source(connection, file, numbered=all(name.isdigit() for name in (customer, day, amount)))
        _rows(connection, rows, columns, file, customer=customer, day=day, amount=amount)
    except duckdb.Error as error:
        raise ValueModelError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None
    connection.execute(
        "create or replace table purchase_days as select customer, day, sum(amount) as amount from sales "
        "where amount >= 0 and customer is not null group by customer, day"
    )
    ((negative, nobody),) = connection.execute(
        "select count(*) filter (amount < 0), count(*) filter (customer is null) from sales"
    ).fetchall()
    ((days, customers, newest),) = connection.execute(
        "select count(*), count(distinct customer), max(day) from purchase_days"
    ).fetchall()
    if not days:
        raise ValueModelError(f"{file} has no purchase: no row has a customer and an amount of 0 or more.")
    return Loaded(int(days), int(customers), int(negative), int(nobody), newest)


def summaries(connection: duckdb.DuckDBPyConnection, end: date, unit: str) -> Summaries:
    """The customers of ``purchase_days`` as they stood when ``end``, a day that counts, was over."""
    found = connection.execute(
        """
        with known as (
            select customer, min(day) as first_day, max(day) filter (day <= $calibration_end) as last_day
            from purchase_days group by customer having min(day) <= $calibration_end
        )
        select
            count(*) filter (purchase_days.day <= $calibration_end) - 1 as x,
            (any_value(last_day) - any_value(first_day)) / $unit as last,
            ($calibration_end - any_value(first_day)) / $unit as age,
            coalesce(avg(amount) filter (day <= $calibration_end and day > first_day), 0) as mean,
            count(*) filter (day > $calibration_end) as bought_later,
            coalesce(sum(amount) filter (day > $calibration_end), 0) as spent_later
        from purchase_days inner join known using (customer)
        group by customer order by customer
        """,
        {"calibration_end": end, "unit": UNITS[unit]},
    ).fetchnumpy()
    names = ("x", "last", "age", "mean", "bought_later", "spent_later")
    return Summaries(**{name: np.asarray(found[name], dtype=np.float64) for name in names})


def _source(connection: duckdb.DuckDBPyConnection, file: Path, *, numbered: bool) -> tuple[str, list[str]]:
    """The file as a relation, and the names of its columns; numbered ones are called by their number."""
    path = str(file).replace("'", "''")
    if file.name.lower().endswith(_PARQUET):
        relation = f"read_parquet('{path}')"
    else:
        with file.open(encoding="utf-8", errors="replace") as lines:
            start = lines.readline()
        if any(mark in start for mark in _SEPARATORS) or not numbered:
            names = "header = false" if numbered else "header = true"
            relation = f"read_csv('{path}', all_varchar = true, sample_size = -1, {names})"
        else:
            # Columns set apart by blanks, as older data sets have them.
            width = len(start.split())
            parts = ", ".join(f"parts[{place}] as column{place}" for place in range(1, width + 1))
            connection.execute(
                f"create or replace temp view lines as select {parts} from (select regexp_split_to_array(trim(line), "
                f"'\\s+') as parts from read_csv('{path}', auto_detect = false, header = false, delim = chr(1), "
                "quote = '', columns = {'line': 'varchar'}) where trim(line) <> '')"
            )
            relation = "lines"
    columns = [str(name) for name, *_ in connection.execute(f"describe select * from {relation}").fetchall()]
    return relation, columns


def _rows(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: list[str],
    file: Path,
    *,
    customer: str,
    day: str,
    amount: str,
) -> None:
    """The table ``sales``: a row for each of the file's, as text that was understood."""
    theirs = {}
    for ours, name in (("customer", customer), ("day", day), ("amount", amount)):
        found = columns[int(name) - 1] if name.isdigit() and 1 <= int(name) <= len(columns) else name
        if name in columns:
            found = name
        if found not in columns:
            raise ValueModelError(f"{file} has no column {name!r}; it has {', '.join(columns)}.")
        theirs[ours] = '"' + found.replace('"', '""') + '"'
    connection.execute(
        f"""
        create or replace table sales as
        select
            nullif(trim(cast({theirs["customer"]} as varchar)), '') as customer,
            trim(cast({theirs["day"]} as varchar)) as said_day,
            cast(coalesce(
                try_strptime(trim(cast({theirs["day"]} as varchar)), '%Y%m%d'),
                try_cast({theirs["day"]} as timestamp)
            ) as date) as day,
            trim(cast({theirs["amount"]} as varchar)) as said_amount,
            try_cast({theirs["amount"]} as double) as amount
        from {relation}
        """
    )
    for column, what, remedy in (
        ("day", "no date", "dates are written 1997-09-30 or 19970930"),
        ("amount", "no amount", "amounts are written 1234.56"),
    ):
        wrong = connection.execute(
            f"select coalesce(said_{column}, '') from sales where {column} is null order by 1 limit 1"
        ).fetchone()
        if wrong is not None:
            raise ValueModelError(f"{wrong[0]!r} in {file} is {what}: {remedy}.")
