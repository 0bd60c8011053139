"""A shop beside the sandbox's company: two lists of the same people, who all left one blocked address in the first.

Landed as the files source lands people and orders, with the columns that say something.
"""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from orchestration.lib import score_training
from orchestration.lib.value_training import MODELS, SCHEMAS, SPEND_MODELS
from warehouse.base import TableName, Warehouse

MAILBOX = "abc@abc.com"
PEOPLE, NEWCOMER, REGULAR = 12, 99, 3
_PEOPLE_TABLE, _ORDERS_TABLE = TableName("raw_files", "people"), TableName("raw_files", "orders")
_TEXT: pa.DataType = pa.string()
_MOMENT: pa.DataType = pa.timestamp("us")
_PEOPLE = pa.schema(
    {**dict.fromkeys(("dataset", "person_id", "email", "phone", "country"), _TEXT), "created_at": _MOMENT}
)
_ORDERS = pa.schema(
    {
        **dict.fromkeys(("dataset", "order_id", "line_id", "customer_id", "currency"), _TEXT),
        "amount": pa.float64(),
        "ordered_at": _MOMENT,
    }
)


def record_key(dataset: str, number: int) -> str:
    """The key that identity gives a person of a list."""
    return f"files:person:{dataset}/{number}"


def land_lists(store: Warehouse) -> None:
    """Both lists and an order; what is there already stays."""
    people = [_person(dataset, number, MAILBOX) for dataset in ("shop", "till") for number in range(PEOPLE)]
    _land(store, _PEOPLE_TABLE, people, _PEOPLE, ["dataset", "person_id"])
    _land(store, _ORDERS_TABLE, [_order("o1", REGULAR)], _ORDERS, ["dataset", "order_id"])


def land_news(store: Warehouse) -> None:
    """The day's facts: an order of somebody known, and one of somebody new."""
    _land(store, _PEOPLE_TABLE, [_person("shop", NEWCOMER, "new@engines.example")], _PEOPLE, ["dataset", "person_id"])
    _land(store, _ORDERS_TABLE, [_order("o2", REGULAR), _order("o3", NEWCOMER)], _ORDERS, ["dataset", "order_id"])


def land_parameters(store: Warehouse) -> None:
    """A version of customer value, long ago; the company's own orders are too few to learn from."""
    at = {"model_version": "v1", "log_likelihood": 0.0, "number_of_customers": 1, "at_edge": ""}
    purchases = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    model = {**at, **purchases, "number_of_repeaters": 1, "learnt_until": date(2000, 1, 1)}
    spend = {**at, "currency": "USD", "p": 6.25, "q": 3.74, "v": 15.44}
    _land(store, MODELS, [{**model, "trained_at": datetime(2000, 1, 1)}], SCHEMAS[MODELS], ["model_version"])
    _land(store, SPEND_MODELS, [spend], SCHEMAS[SPEND_MODELS], ["model_version", "currency"])
    _land_score(store, "churn", ("purchase_days", "overdue"), 90)
    _land_score(store, "lead", ("lead_age", "silence"), 60)


def _land_score(store: Warehouse, score: str, features: tuple[str, ...], horizon: int) -> None:
    key = {"score": score, "model_version": "v1"}
    figures = dict.fromkeys(score_training.SCHEMAS[score_training.MODELS].names)
    learnt = {"learnt_until": date(2000, 1, 1), "horizon_days": horizon, "trained_at": datetime(2000, 1, 1)}
    model = {**figures, **key, **learnt, "intercept": -0.4}
    weights = [
        {**key, "feature": feature, "weight": 0.7 - place, "mean": 1.5, "deviation": 0.8}
        for place, feature in enumerate(features)
    ]
    for table, rows, keys in (
        (score_training.WEIGHTS, weights, ["score", "model_version", "feature"]),
        (score_training.MODELS, [model], ["score", "model_version"]),
    ):
        _land(store, table, rows, score_training.SCHEMAS[table], keys)


def _person(dataset: str, number: int, email: str) -> dict[str, object]:
    return {
        "dataset": dataset,
        "person_id": f"{number}",
        "email": email if dataset == "shop" else None,
        "phone": f"+1 503 206 {1000 + number}",
        "country": "US",
        "created_at": datetime(2026, 1, 1),
    }


def _order(order_id: str, person: int) -> dict[str, object]:
    return {
        "dataset": "shop",
        "order_id": order_id,
        "line_id": "1",
        "customer_id": f"{person}",
        "currency": "USD",
        "amount": 10.0,
        "ordered_at": datetime(2026, 2, 1),
    }


def _land(store: Warehouse, table: TableName, rows: list[dict[str, object]], schema: pa.Schema, key: list[str]) -> None:
    store.ensure_table(table, schema)
    with store.stage(pa.Table.from_pylist(rows, schema=schema), constants={}) as staged, store.transaction():
        store.append(table, staged, unless_key=key)
