"""`braid value evaluate`: the published sample of CDNOW, files of several makes, and what is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration.cli import cli, run
from tests.needs import published_data
from value import ValueModelError
from value.evaluation import evaluate
from value.purchases import load, summaries

pytestmark = [pytest.mark.timeout(120)]


@pytest.mark.data
def test_the_published_parameters_are_found_on_the_published_sample() -> None:
    file = published_data() / "cdnow" / "CDNOW_sample.txt"
    arguments = [str(file), "--customer", "2", "--date", "3", "--amount", "5", "--calibration-end", "1997-09-30"]
    done = CliRunner().invoke(cli, ["value", "evaluate", *arguments])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert (figures["customers"], figures["repeat_customers"], figures["unit"]) == (2357, 946, "weeks")
    # Fader, Hardie and Lee (2005), table 2; its log-likelihood is -9582.4.
    for name, published in {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}.items():
        assert figures[name] == pytest.approx(published, rel=0.01), name
    assert figures["log_likelihood"] == pytest.approx(-9582.4, abs=0.05)
    # Fader and Hardie (2013), on the 946 who came back.
    for name, published in {"p": 6.25, "q": 3.74, "v": 15.44}.items():
        assert figures[name] == pytest.approx(published, rel=0.01), name
    # The holdout: weeks 40 to 78. What the documentation says of it.
    assert (figures["holdout_length"], figures["holdout_purchases"]) == (39.0, 1882)
    assert figures["holdout_expected"] == pytest.approx(1653.4, rel=0.001)
    assert figures["tracking_expected"] == pytest.approx(1666.7, rel=0.001)
    assert (figures["mae"], figures["rmse"]) == pytest.approx((0.785, 1.608), abs=0.001)
    assert figures["mae"] < 0.8 * figures["naive_mae"]
    assert figures["rmse"] < 0.8 * figures["naive_rmse"]
    assert "0                     1,411           0.225       0.237" in done.stdout


@pytest.mark.data
def test_histories_are_those_of_the_published_summary() -> None:
    folder = published_data() / "cdnow"
    with duckdb.connect() as connection:
        load(connection, folder / "CDNOW_sample.txt", customer="2", day="3", amount="5")
        ours = summaries(connection, date(1997, 9, 30), "weeks")
        theirs = connection.execute(
            f"select frequency, recency, T from read_csv('{folder}/cdnow_customers_summary.csv') order by id"
        ).fetchall()
    mine = list(zip(ours.x, ours.last, ours.age, strict=True))
    assert len(mine) == len(theirs) == 2357
    for one, other in zip(mine, theirs, strict=True):
        assert one == pytest.approx(other, abs=0.0051)


SALES = """who,at,paid
a,2024-01-01 09:00,10
a,2024-01-01 17:00,5
a,2024-01-08,20
a,2024-01-09,-20
a,2024-02-01,7
b,2024-01-15,0
,2024-01-16,3
c,2024-02-02,9
"""


def test_a_day_is_one_purchase_and_what_comes_later_is_the_holdout(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    with duckdb.connect() as connection:
        loaded = load(connection, tmp_path / "sales.csv", customer="who", day="at", amount="paid")
        assert (loaded.purchase_days, loaded.customers, loaded.negative_rows, loaded.rows_of_nobody) == (5, 3, 1, 1)
        assert loaded.newest == date(2024, 2, 2)
        found = summaries(connection, date(2024, 1, 15), "weeks")
        days = summaries(connection, date(2024, 1, 15), "days")
    assert (found.x.tolist(), found.last.tolist(), found.age.tolist()) == ([1, 0], [1, 0], [2, 0])
    assert (days.last.tolist(), days.age.tolist()) == ([7, 0], [14, 0])
    # The first day is no repeat purchase, nor what was given back a negative one.
    assert found.mean.tolist() == [20, 0]
    assert (found.bought_later.tolist(), found.spent_later.tolist()) == ([1, 0], [7, 0])


@pytest.mark.parametrize("make", ["csv", "parquet", "blanks", "numbers"])
def test_files_of_every_make_are_read_alike(make: str, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    file, columns = tmp_path / "sales.csv", ("who", "at", "paid")
    if make == "parquet":
        file = tmp_path / "sales.parquet"
        duckdb.sql(f"copy (select * from read_csv('{tmp_path}/sales.csv')) to '{file}'")
    elif make == "blanks":
        file, columns = tmp_path / "sales.txt", ("1", "2", "3")
        lines = [line.split(",") for line in SALES.splitlines()[1:] if not line.startswith(",")]
        file.write_text("\n".join(f"  {who}  {at[:10].replace('-', '')}   {paid}" for who, at, paid in lines) + "\n")
    elif make == "numbers":
        file, columns = tmp_path / "bare.csv", ("1", "2", "3")
        file.write_text("\n".join(SALES.splitlines()[1:]))
    with duckdb.connect() as connection:
        load(connection, file, customer=columns[0], day=columns[1], amount=columns[2])
        rows = connection.execute("select * from purchase_days order by all").fetchall()
    assert rows == [
        ("a", date(2024, 1, 1), 15),
        ("a", date(2024, 1, 8), 20),
        ("a", date(2024, 2, 1), 7),
        ("b", date(2024, 1, 15), 0),
        ("c", date(2024, 2, 2), 9),
    ]


@pytest.mark.parametrize(
    ("text", "end", "sentence"),
    [
        (None, "2024-01-15", "sales.csv is no file."),
        ("who,at,price\na,2024-01-01,1\n", "2024-01-15", "has no column 'paid'; it has who, at, price."),
        ("who,at,paid\na,01/02/2024,1\n", "2024-01-15", "'01/02/2024' in .* is no date: dates are written 1997-09-30"),
        ("who,at,paid\na,2024-01-01,a lot\n", "2024-01-15", "'a lot' in .* is no amount: amounts are written 1234.56."),
        ("who,at,paid\na,2024-01-01,-1\n", "2024-01-15", "has no purchase"),
        (SALES, "2024-02-02", "newest purchase is of 2024-02-02, so nothing after 2024-02-02 is left"),
        (SALES, "2023-02-02", "Nobody bought by 2023-02-02: give a later end"),
        (SALES, "2024-01-15", "1 customers bought on more than one day and 10 are needed"),
    ],
    ids=["no file", "no column", "no date", "no amount", "nothing", "no holdout", "nobody", "too few"],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    text: str | None, end: str, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sales.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueModelError, match=sentence):
        evaluate(file, customer="who", day="at", amount="paid", end=date.fromisoformat(end))
    options = ["--customer", "who", "--date", "at", "--amount", "paid", "--calibration-end", end]
    assert run(["value", "evaluate", str(file), *options]) == 1
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("braid: ")
