"""A metric has one definition: the pages' queries answer as MetricFlow's do, from the same files."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboard import metrics
from dashboard.metrics import MetricError, Query
from tests.dashboard import company
from tests.dashboard.oracle import Oracle

pytestmark = [pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
# Every metric, by what its page cuts it by; those with a model of credit or a step by that, as they say.
BY = {
    "opportunities": [
        "metric_time__month",
        "currency",
        "opportunity__source_system",
        "opportunity__stage",
        "opportunity__stage_position",
    ],
    "orders": ["metric_time__day", "currency", "order__country"],
    "buyers": ["metric_time__year", "currency"],
    "value_scores": ["currency"],
    "first_orders": ["metric_time__month", "currency", "channel"],
    "channel_returns": ["metric_time__month", "currency", "channel"],
    "funnels": ["metric_time__week", "funnel_step__funnel_name", "funnel_step__step_number"],
    "retention_months": ["cohort__cohort_month", "cohort__months_since"],
}


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    folder = tmp_path_factory.mktemp("parse")
    done = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", "--quiet", "--project-dir", str(ROOT),
         "--profiles-dir", str(ROOT / "tests" / "dbt"), "--target-path", str(folder), "--log-path", str(folder)],
        capture_output=True, text=True, timeout=240, check=False, cwd=ROOT,
        env={**os.environ, "BRAID_DUCKDB": str(folder / "braid.duckdb"), "DO_NOT_TRACK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return Oracle(folder / "semantic_manifest.json")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(company.made(tmp_path_factory.mktemp("copy") / "braid.duckdb")), read_only=True)


def by_keys(found: duckdb.DuckDBPyConnection, keys: int) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
    """Values by the columns before them, dates as days; columns of each in the order of their names."""
    names = [column[0] for column in found.description]
    order = sorted(range(keys), key=names.__getitem__)
    values = sorted(range(keys, len(names)), key=names.__getitem__)
    answer = {}
    for row in found.fetchall():
        cells = [row[number] for number in order]
        key = tuple(cell.date() if hasattr(cell, "date") else cell for cell in cells)
        assert key not in answer
        answer[key] = tuple(None if row[number] is None else float(row[number]) for number in values)
    return answer


def same(ours: dict[Any, tuple[float | None, ...]], theirs: dict[Any, tuple[float | None, ...]]) -> bool:
    return ours.keys() == theirs.keys() and all(
        (one is None) == (other is None) and (one is None or other is None or math.isclose(one, other, rel_tol=1e-12))
        for key, values in ours.items()
        for one, other in zip(values, theirs[key], strict=True)
    )


def model_of(name: str) -> str:
    known = metrics.definitions()
    return known.measures[known.leaves(name)[0]].model


def every_metric() -> list[str]:
    known = metrics.definitions()
    return [name for name in known.metrics if len({known.measures[leaf].model for leaf in known.leaves(name)}) == 1]


@pytest.mark.parametrize("name", every_metric())
def test_a_metric_is_what_metricflow_makes_of_it(name: str, oracle: Oracle, copy: duckdb.DuckDBPyConnection) -> None:
    for by in ((), BY[model_of(name)]):
        sql, params = metrics.compiled(Query([name], by))
        ours = by_keys(copy.execute(sql, params), len(by))
        theirs = by_keys(copy.execute(oracle.sql([name], by)), len(by))
        assert ours
        assert any(value is not None for values in ours.values() for value in values)
        assert same(ours, theirs)


def test_metricflow_takes_its_days_from_the_calendar(oracle: Oracle) -> None:
    assert "marts.dim_dates" in oracle.sql([], ["metric_time__month"]).replace('"', "")


def test_a_ratio_across_marts_meets_on_what_they_share(oracle: Oracle, copy: duckdb.DuckDBPyConnection) -> None:
    by = ["metric_time__month", "channel", "currency"]
    names = ["spend", "new_customers", "customer_acquisition_cost"]
    ours = by_keys(copy.execute(*metrics.compiled(Query(names, by))), len(by))
    theirs = by_keys(copy.execute(oracle.sql(names, by)), len(by))
    assert any(all(values) for values in ours.values())
    assert same({key: values for key, values in ours.items() if None not in key},
                {key: values for key, values in theirs.items() if None not in key})  # fmt: skip


def test_values_and_days_narrow_as_metricflows_conditions(oracle: Oracle, copy: duckdb.DuckDBPyConnection) -> None:
    by = ["opportunity__stage_name"]
    query = Query(["win_rate", "pipeline"], by, {"currency": ["EUR"], "opportunity__source_system": ["hubspot"]},
                  date(2025, 4, 1), date(2025, 6, 30))  # fmt: skip
    condition = (
        "{{ Entity('currency') }} = 'EUR' and {{ Dimension('opportunity__source_system') }} = 'hubspot'"
        " and {{ TimeDimension('metric_time', 'day') }} between '2025-04-01' and '2025-06-30'"
    )
    ours = by_keys(copy.execute(*metrics.compiled(query)), 1)
    whole = by_keys(copy.execute(*metrics.compiled(Query(query.metrics, by))), 1)
    assert same(ours, by_keys(copy.execute(oracle.sql(query.metrics, by, condition)), 1))
    assert not same(ours, whole)


def test_a_list_without_a_value_lets_nothing_through(copy: duckdb.DuckDBPyConnection) -> None:
    ((value,),) = copy.execute(*metrics.compiled(Query(["open_opportunities"], (), {"currency": []}))).fetchall()
    assert value is None


def test_values_are_parameters(copy: duckdb.DuckDBPyConnection) -> None:
    sql, params = metrics.compiled(Query(["pipeline"], (), {"currency": ["' or 1 = 1 --"]}))
    assert "or 1 = 1" not in sql
    assert copy.execute(sql, params).fetchall() == [(None,)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(["gross_margin"]), "No metric is called gross_margin"),
        (Query(["pipeline"], ["channel"]), "opportunities is not cut by channel"),
        (Query(["pipeline"], (), {"country": ["US"]}), "opportunities is not cut by country"),
    ],
)
def test_a_query_beyond_the_definitions_says_so(query: Query, said: str) -> None:
    with pytest.raises(MetricError, match=said):
        metrics.compiled(query)


def test_every_metric_has_words_and_an_owner() -> None:
    import yaml

    content = yaml.safe_load((metrics.FOLDER / "_metrics__metrics.yml").read_text())["metrics"]
    assert len(content) == len(metrics.definitions().metrics) >= 20
    assert all(one["label"] and one["description"].endswith(".") and one["config"]["meta"]["owner"] for one in content)
