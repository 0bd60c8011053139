"""Churn, lead priority and engagement: what is learnt, what SQL makes of it, and that no score knows the future.

The models are compiled once, and run here as tables: over a year of a made-up shop, as of a month before its end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from orchestration.lib.score_training import Learnt, train
from tests.dbt.project import ROOT, Project
from value import ValueModelError
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.timeout(600)]

CUTOFF = date(2025, 11, 30)
BEGIN, END = date(2024, 1, 1), date(2025, 12, 31)
CHURN = "finance int_finance__value_cutoff int_finance__orders_by_cutoff int_finance__churn_examples"
LEADS = "sales int_sales__lead_cutoff int_sales__lead_examples"
ENGAGEMENT = "product int_product__engagement_cutoff int_product__engagement_days customer_engagement"
GROUPS = (CHURN + " customer_churn_scores", LEADS + " lead_priority_scores", ENGAGEMENT)
SHOWN = (
    *("int_finance__churn_examples", "customer_churn_scores"),
    *("int_sales__lead_examples", "lead_priority_scores", "customer_engagement"),
)
Rows = dict[str, list[tuple[Any, ...]]]


class Told(NamedTuple):
    """Rows as text: by the cut-off, with a month more known, and as of the cut-off again, with the day after landed."""

    then: Rows
    later: Rows
    again: Rows
    learnt: dict[str, Learnt]
    versions: dict[str, str]
    shop: Shop


class Shop:
    """A warehouse with the inputs of the models, and the models' compiled SQL."""

    def __init__(self, folder: Path, compiled: Path) -> None:
        self.project = Project(folder)
        self.compiled = compiled
        with duckdb.connect(self.project.warehouse) as connection:
            for schema in ("marts", "staging", "identity", "contracts", "ops"):
                connection.execute(f"create schema if not exists {schema}")
            for seed in ("engagement_activities", "engagement_rules"):
                connection.execute(
                    f"create table contracts.{seed} as from read_csv('{ROOT}/seeds/contracts/{seed}.csv')"
                )
            connection.execute(INPUTS)

    def land(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Rows of ``table``, through Arrow: one insert, however many."""
        with duckdb.connect(self.project.warehouse) as connection:
            names = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
            columns = zip(*rows, strict=True)
            connection.register(
                "landed", pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})
            )
            connection.execute(f"insert into {table} select * from landed")

    def build(self, cutoff: date | None = None) -> Rows:
        """Run the models, in order, and return what is compared; ``cutoff`` is the variable value_cutoff."""
        found: Rows = {}
        with duckdb.connect(self.project.warehouse) as connection:
            for group in GROUPS:
                folder, *names = group.split()
                for name in names:
                    sql = (self.compiled / folder / f"{name}.sql").read_text()
                    if name.endswith("_cutoff") and not name.endswith("by_cutoff"):
                        assert "nullif('', '')" in sql
                        sql = sql.replace("nullif('', '')", f"nullif('{cutoff or ''}', '')")
                    connection.execute(f"create or replace table marts.{name} as {sql}")
            for name in SHOWN:
                found[name] = connection.execute(
                    f"select columns(*)::varchar from marts.{name} order by all"
                ).fetchall()
        return found

    def learn(self, score: str, at: datetime) -> tuple[str, Learnt]:
        @contextmanager
        def opened() -> Iterator[DuckDBWarehouse]:
            with DuckDBWarehouse.open(self.project.warehouse) as warehouse:
                yield warehouse

        return train(opened, "marts", score, at)


INPUTS = """
create table marts.fct_orders (order_key text, customer_id text, currency text, amount decimal(18, 4),
    is_cancellation boolean, ordered_at timestamp);
create table staging.stg_salesforce__leads (lead_id text, record_key text, lead_source text, is_converted boolean,
    is_deleted boolean, converted_on date, created_at timestamp);
create table identity.customer_xref_current (record_key text, customer_id text);
create table marts.fct_touches (touch_key text, customer_id text, touch_type text, touched_at timestamp);
create table marts.fct_events (message_id text, customer_id text, event_type text, event_name text,
    occurred_at timestamp, received_at timestamp);
create table ops.score_models (score text, model_version text, learnt_until date, horizon_days bigint,
    number_of_examples bigint, number_of_outcomes bigint, intercept double, log_loss double, backtest_examples bigint,
    backtest_outcomes bigint, backtest_expected double, backtest_auc double, backtest_log_loss double,
    backtest_base_log_loss double, trained_at timestamp);
create table ops.score_weights (score text, model_version text, feature text, weight double, mean double,
    deviation double);
create table ops.score_backtests (score text, model_version text, decile bigint, number_of_examples bigint,
    expected_share double, outcome_share double, lift double)
"""


def orders() -> list[tuple[Any, ...]]:
    """Customers who come about every ten days or every hundred, and leave one day; some orders are cancelled."""
    chance = random.Random(5)
    made: list[tuple[Any, ...]] = []
    for number in range(700):
        at = datetime.combine(BEGIN, datetime.min.time()) + timedelta(days=chance.uniform(0, 680))
        gap, stays = chance.choice([(10, 0.97), (40, 0.8), (100, 0.6)])
        while at.date() <= END:
            cancelled = chance.random() < 0.05
            made.append((f"o{len(made)}", f"c{number}", "EUR", -5.0 if cancelled else 9.5, cancelled, at))
            if chance.random() > stays:
                break
            at += timedelta(days=chance.expovariate(1 / gap))
    return made


def leads() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Leads and touches: by referral six times as many convert, and of those who often visit five times as many."""
    chance = random.Random(6)
    made, touches = [], []
    for number in range(2500):
        created = BEGIN + timedelta(days=chance.randrange(700))
        source = chance.choice(["Referral", "List", None])
        keen = chance.random() < 0.3
        daily = (0.006 if source == "Referral" else 0.001) * (5 if keen else 1)
        converted = None
        for day in range((END - created).days + 1):
            if chance.random() < (0.1 if keen else 0.01):
                touches.append((number, "web_session", created + timedelta(days=day)))
            if chance.random() < daily:
                converted = created + timedelta(days=day)
                break
        made.append((number, source, created, converted))
    return made, touches


def lead_rows(made: list[tuple[Any, ...]], until: date) -> list[tuple[Any, ...]]:
    """As the CRM has them at the end of ``until``: a conversion to come is not there yet."""
    return [
        (
            *(f"l{number}", f"lead:l{number}", source, converted is not None and converted <= until, False),
            *(converted if converted and converted <= until else None, datetime.combine(created, datetime.min.time())),
        )
        for number, source, created, converted in made
        if created <= until
    ]


def touch_rows(touches: list[tuple[Any, ...]], first: date, last: date) -> list[tuple[Any, ...]]:
    return [
        (f"t{place}", f"p{number}", kind, datetime.combine(day, datetime.min.time()) + timedelta(hours=13))
        for place, (number, kind, day) in enumerate(touches)
        if first <= day <= last
    ]


def calls(first: date, last: date) -> list[tuple[Any, ...]]:
    """Some made on a day arrive two days later."""
    chance = random.Random(7)
    made = []
    for place in range(9000):
        at = datetime.combine(BEGIN, datetime.min.time()) + timedelta(days=chance.uniform(500, 730))
        kind, name = chance.choice(
            [("page", None), ("track", "Order Completed"), ("track", "Looked"), ("identify", None)]
        )
        arrived = at + timedelta(days=2 if place % 9 == 0 else 0)
        if first <= arrived.date() <= last:
            made.append((f"m{place}", f"c{chance.randrange(200)}", kind, name, at, arrived))
        else:
            chance.randrange(200)
    return made


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, compiled_marts: Path) -> Told:
    shop = Shop(tmp_path_factory.mktemp("scores"), compiled_marts)
    bought, (came, touches) = orders(), leads()
    next_day = CUTOFF + timedelta(days=1)
    shop.land("marts.fct_orders", [row for row in bought if row[-1].date() <= CUTOFF])
    shop.land("staging.stg_salesforce__leads", lead_rows(came, CUTOFF))
    shop.land("identity.customer_xref_current", [(f"lead:l{number}", f"p{number}") for number, *_ in came])
    shop.land("marts.fct_touches", touch_rows(touches, BEGIN, CUTOFF))
    shop.land("marts.fct_events", calls(BEGIN, CUTOFF))
    # Nobody asks for a cut-off: it is the newest day of each.
    untrained = shop.build()
    assert (untrained["customer_churn_scores"], untrained["lead_priority_scores"]) == ([], [])
    both = {score: shop.learn(score, datetime(2025, 12, 1)) for score in ("churn", "lead")}
    then = shop.build()

    shop.land("marts.fct_orders", [row for row in bought if row[-1].date() > CUTOFF])
    with duckdb.connect(shop.project.warehouse) as connection:
        connection.execute("delete from staging.stg_salesforce__leads")
    shop.land("staging.stg_salesforce__leads", lead_rows(came, END))
    shop.land("marts.fct_touches", touch_rows(touches, next_day, END))
    shop.land("marts.fct_events", calls(next_day, END + timedelta(days=5)))
    shop.build()
    for score in ("churn", "lead"):
        shop.learn(score, datetime(2026, 1, 1))
    later = shop.build()
    # Rows of everybody, of the day after: one would show.
    dawn = datetime.combine(next_day, datetime.min.time())
    shop.land("marts.fct_orders", [(f"n{n}", f"c{n}", "USD", 1e6, n % 2 == 0, dawn) for n in range(700)])
    shop.land("marts.fct_touches", [(f"n{n}", f"p{n}", "sales_activity", dawn) for n in range(2500)])
    shop.land(
        "marts.fct_events", [(f"n{n}", f"c{n}", "page", None, dawn - timedelta(days=2), dawn) for n in range(200)]
    )
    return Told(
        then,
        later,
        shop.build(CUTOFF),
        {score: learnt for score, (_, learnt) in both.items()},
        {score: version for score, (version, _) in both.items()},
        shop,
    )


@pytest.mark.parametrize("model", SHOWN)
def test_moving_the_cutoff_back_a_month_changes_nothing_that_was_known_then(told: Told, model: str) -> None:
    assert len(told.then[model]) > 150
    assert told.again[model] == told.then[model]
    # It would have been seen: with the later rows, and what was learnt from them, all is different.
    assert told.later[model] != told.then[model]


@pytest.mark.parametrize("score", ["churn", "lead"])
def test_scores_are_of_the_version_that_may_know_of_them(told: Told, score: str) -> None:
    model = {"churn": "customer_churn_scores", "lead": "lead_priority_scores"}[score]
    place = {"churn": 1, "lead": 2}[score]
    assert told.learnt[score].learnt_until == CUTOFF
    assert {row[place] for row in told.again[model]} == {told.versions[score]}
    assert told.versions[score] not in {row[place] for row in told.later[model]}


@pytest.mark.parametrize(
    ("score", "least_auc", "least_lift"), [("churn", 0.7, 1.3), ("lead", 0.65, 1.8)], ids=["churn", "lead"]
)
def test_the_back_test_finds_what_was_put_in(told: Told, score: str, least_auc: float, least_lift: float) -> None:
    tested = told.learnt[score].tested
    assert tested is not None
    assert tested.auc > least_auc
    assert tested.deciles[0].lift > least_lift
    assert tested.log_loss < tested.base_log_loss
    # Calibrated: as many as expected, and in most tenths as many as there.
    assert tested.expected == pytest.approx(tested.outcomes, rel=0.25)
    assert sum(abs(one.expected - one.happened) < 0.12 for one in tested.deciles) >= 7
    weights = dict(zip(told.learnt[score].model.features, told.learnt[score].model.weights, strict=True))
    if score == "lead":
        assert weights["source_rate"] > 0.3
        assert weights["recent_visits"] - weights["silence"] > 0.3
    else:
        assert weights["days_since_purchase"] + weights["overdue"] > 0.3


@pytest.mark.parametrize(
    ("score", "key", "mart", "probability", "examples"),
    [
        ("churn", "customer_id", "customer_churn_scores", "churn_probability", "int_finance__churn_examples"),
        ("lead", "lead_id", "lead_priority_scores", "conversion_probability", "int_sales__lead_examples"),
    ],
    ids=["churn", "lead"],
)
def test_the_sql_is_the_model_and_effects_add_up_to_it(
    told: Told, score: str, key: str, mart: str, probability: str, examples: str
) -> None:
    model = told.learnt[score].model
    listed, effects = ", ".join(model.features), " + ".join(f"{name}_effect" for name in model.features)
    rows = told.shop.project.rows(
        f"select {probability}, base_effect + {effects}, main_reason, "
        f"[{', '.join(f'{name}_effect' for name in model.features)}], {listed} "
        f"from marts.{mart} inner join marts.{examples} using ({key}) where horizons_back = 0 order by {key}"
    )
    assert len(rows) == len(told.again[mart])
    values = np.array([row[4:] for row in rows], dtype=np.float64)
    for (said, odds, reason, parts, *_), expected in zip(rows, model.probability(values), strict=True):
        assert float(said) == pytest.approx(expected, abs=1e-5)
        assert float(said) == pytest.approx(1 / (1 + math.exp(-float(odds))), abs=1e-6)
        most = max(parts)
        assert reason == (None if most <= 0 else reason)
        assert most <= 0 or parts[model.features.index(reason)] == most


def test_features_are_those_of_the_orders_counted_out(told: Told) -> None:
    by_customer: dict[str, list[tuple[date, bool]]] = {}
    for _, customer, _, _, cancelled, at in orders():
        by_customer.setdefault(customer, []).append((at.date(), cancelled))
    expected = {}
    for customer, made in by_customer.items():
        for back in range(3):
            day = CUTOFF - timedelta(days=90 * back)
            known = [one for one in made if one[0] <= day]
            days = sorted({at for at, cancelled in known if not cancelled})
            if not days or (day - days[-1]).days >= 365:
                continue
            away, often = (day - days[-1]).days, len(days)
            between = (days[-1] - days[0]).days / (often - 1) if often > 1 else 0.0
            later = {at for at, cancelled in made if not cancelled and day < at <= day + timedelta(days=90)}
            expected[customer, back] = (
                *(math.log(1 + away), math.log(often), float(often > 1)),
                math.log(1 + away) - math.log(1 + between) if often > 1 else 0.0,
                math.log(1 + (day - days[0]).days),
                math.log(1 + sum((day - at).days < 90 for at in days)),
                sum(cancelled for _, cancelled in known) / len(known),
                None if back == 0 else int(not later),
            )
    found = told.shop.project.rows(
        "select customer_id, horizons_back, days_since_purchase, purchase_days, came_back, overdue, customer_age, "
        "recent_purchase_days, cancelled_share, outcome from marts.int_finance__churn_examples"
    )
    assert len(found) == len(expected) > 900
    for customer, back, *features, outcome in found:
        *theirs, happened = expected[customer, back]
        assert outcome == happened, (customer, back)
        assert features == pytest.approx(theirs, abs=1e-9), (customer, back)


def test_what_is_published_is_what_was_learnt(told: Told) -> None:
    for score, learnt in told.learnt.items():
        version, tested = told.versions[score], learnt.tested
        assert tested is not None
        ((outcomes, expected, auc),) = told.shop.project.rows(
            "select backtest_outcomes, backtest_expected, backtest_auc from ops.score_models "
            f"where model_version = '{version}' and score = '{score}'"
        )
        assert (outcomes, expected, auc) == (tested.outcomes, tested.expected, tested.auc)
        tenths = told.shop.project.rows(
            "select decile, number_of_examples, expected_share, outcome_share, lift from ops.score_backtests "
            f"where model_version = '{version}' and score = '{score}' order by decile"
        )
        assert tenths == [(one.decile, one.examples, one.expected, one.happened, one.lift) for one in tested.deciles]


def test_the_last_outcomes_looked_for_end_with_the_cutoff(told: Told) -> None:
    for examples in ("int_finance__churn_examples", "int_sales__lead_examples"):
        found = told.shop.project.rows(
            f"select horizons_back, min(as_of_day), max(as_of_day + horizon_days::integer), count(outcome) = 0 "
            f"from marts.{examples} group by 1 order by 1"
        )
        days = {"int_finance__churn_examples": 90, "int_sales__lead_examples": 60}[examples]
        assert found == [
            (back, CUTOFF - timedelta(days=days * back), CUTOFF + timedelta(days=days * (1 - back)), back == 0)
            for back in range(3)
        ]


def test_too_little_history_is_refused_in_a_sentence(told: Told) -> None:
    with duckdb.connect(told.shop.project.warehouse) as connection:
        connection.execute("create or replace table marts.kept as from marts.int_finance__churn_examples")
        connection.execute("update marts.int_finance__churn_examples set outcome = 0 where outcome = 1")
    try:
        with pytest.raises(ValueModelError, match=r"0 of .* examples had the outcome; 30 that had it"):
            told.shop.learn("churn", datetime(2026, 1, 2))
    finally:
        with duckdb.connect(told.shop.project.warehouse) as connection:
            connection.execute("create or replace table marts.int_finance__churn_examples as from marts.kept")
