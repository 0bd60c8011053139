"""Credit over made-up paths: every model against its rule worked out alone, and shares that add up to exactly 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.timeout(600)]

MODELS = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay", "shapley")
CONVERTED = datetime(2026, 3, 1, 12)
Touch = tuple[str, str, datetime]
# 7 and 30 divide into nothing finite; many touches share a moment; half of the channels are one.
PATHS = st.one_of(st.just(7), st.just(30), st.integers(1, 60)).flatmap(
    lambda number: st.lists(
        st.tuples(st.sampled_from(["cpc", "cpc", "direct", "email", "social"]), st.integers(0, 29 * 24)),
        min_size=number,
        max_size=number,
    )
)


@pytest.fixture(scope="module")
def desk(compiled_marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The two models as views over empty tables."""
    folder = tmp_path_factory.mktemp("attribution")
    with duckdb.connect(folder / "warehouse.duckdb") as connection:
        connection.execute(
            """
            create schema marts; create schema contracts;
            create table contracts.attribution_conversions as
                select 'order' as conversion_type, 30::bigint as lookback_days, 'lookback' as path_begins;
            create table contracts.attribution_rules as
                select 40::bigint as first_percent, 30::bigint as last_percent, 7::bigint as half_life_days;
            create table contracts.attribution_direct_channels as select 'direct' as channel;
            create table marts.int_marketing__conversions (conversion_key text, conversion_type text, customer_id text,
                currency text, amount decimal(18, 4), converted_at timestamp);
            create table marts.fct_touches (touch_key text, customer_id text, touch_type text, channel text,
                campaign_source text, campaign_name text, touched_at timestamp)
            """
        )
        for name in ("int_marketing__paths", "fct_attribution"):
            sql = (compiled_marts / "marketing" / f"{name}.sql").read_text()
            connection.execute(f"create view marts.{name} as {sql}")
        yield connection


def by_hand(path: list[Touch]) -> dict[str, list[float]]:
    """The share of each touch, by model, in the order of time and key."""
    number, channels = len(path), [channel for _, channel, _ in path]
    ends = {0: 40.0, number - 1: 30.0}
    middle = 30.0 / (number - 2) if number > 2 else 0.0
    named = [place for place, channel in enumerate(channels) if channel != "direct"] or [number - 1]
    many = Counter(channels)
    weights = {
        "first_touch": [float(place == 0) for place in range(number)],
        "last_touch": [float(place == number - 1) for place in range(number)],
        "last_non_direct": [float(place == named[-1]) for place in range(number)],
        "linear": [1.0] * number,
        "position_based": [1.0] if number == 1 else [ends.get(place, middle) for place in range(number)],
        "time_decay": [0.5 ** ((path[-1][2] - at) / timedelta(days=7)) for _, _, at in path],
        "shapley": [1 / many[channel] for channel in channels],
    }
    return {model: [weight / sum(found) for weight in found] for model, found in weights.items()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.lists(PATHS, min_size=1, max_size=4))
def test_shares_are_those_of_the_rules_and_add_up_to_one(
    desk: duckdb.DuckDBPyConnection, paths: list[list[tuple[str, int]]]
) -> None:
    touches: dict[str, list[Touch]] = {
        f"c{place}": sorted(
            (
                (f"t{place}-{n}", channel, CONVERTED - timedelta(hours=before))
                for n, (channel, before) in enumerate(path)
            ),
            key=lambda touch: (touch[2], touch[0]),
        )
        for place, path in enumerate(paths)
    }
    desk.execute("delete from marts.int_marketing__conversions; delete from marts.fct_touches")
    desk.executemany(
        "insert into marts.int_marketing__conversions values (?, 'order', ?, 'EUR', 99.95, ?)",
        [[f"o-{customer}", customer, CONVERTED] for customer in touches],
    )
    desk.executemany(
        "insert into marts.fct_touches values (?, ?, 'web_session', ?, null, null, ?)",
        [[key, customer, channel, at] for customer, path in touches.items() for key, channel, at in path],
    )
    shares = ", ".join(f"{model}_share" for model in MODELS)
    for customer, path in touches.items():
        rows = desk.execute(
            f"select touch_key, {shares} from marts.fct_attribution where customer_id = ? order by touch_number",
            [customer],
        ).fetchall()
        assert [row[0] for row in rows] == [key for key, *_ in path]
        expected = by_hand(path)
        for place, model in enumerate(MODELS, start=1):
            found = [row[place] for row in rows]
            assert sum(found) == Decimal(1), model
            assert min(found) >= 0, model
            assert [float(share) for share in found] == pytest.approx(expected[model], abs=2e-9), model
            # Equal touches differ by no more than the last digit.
            if model == "linear":
                assert all(abs(one - other) <= Decimal("2e-9") for one, other in pairwise(found))
