"""What customer value learns from the warehouse's own orders, published as one version of two books in ``ops``.

Histories are read as they stand in ``int_finance__purchase_histories``, of the last build and as of its cut-off: what
learns and what is scored is made by one model. Times are naive UTC; the books count in weeks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from value import ValueModelError, bg_nbd, gamma_gamma
from value.bg_nbd import BgNbd, Histories
from value.expectation import Floats
from value.gamma_gamma import GammaGamma
from warehouse.base import TableName, Warehouse

_STRING: pa.DataType = pa.string()
_BIGINT: pa.DataType = pa.int64()
_DOUBLE: pa.DataType = pa.float64()
MODELS = TableName("ops", "value_models")
SPEND_MODELS = TableName("ops", "value_spend_models")
SCHEMAS: dict[TableName, pa.Schema] = {
    MODELS: pa.schema(
        {
            "model_version": _STRING,
            "learnt_until": pa.date32(),
            "number_of_customers": _BIGINT,
            "number_of_repeaters": _BIGINT,
            "r": _DOUBLE,
            "alpha": _DOUBLE,
            "a": _DOUBLE,
            "b": _DOUBLE,
            "log_likelihood": _DOUBLE,
            "at_edge": _STRING,
            "trained_at": pa.timestamp("us"),
        }
    ),
    SPEND_MODELS: pa.schema(
        {
            "model_version": _STRING,
            "currency": _STRING,
            "number_of_customers": _BIGINT,
            "p": _DOUBLE,
            "q": _DOUBLE,
            "v": _DOUBLE,
            "log_likelihood": _DOUBLE,
            "at_edge": _STRING,
        }
    ),
}
DAYS_A_WEEK = 7.0


@dataclass(frozen=True)
class Trained:
    """A version, what it learnt from, and its models; ``unknown`` are currencies in which too few bought again."""

    version: str
    learnt_until: date
    repeaters: int
    purchases: BgNbd
    spend: dict[str | None, GammaGamma]
    unknown: tuple[str | None, ...]


def marts_schema(project: Path) -> str:
    """Schema of the marts in the dbt project in ``project``."""
    import yaml

    variables = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")).get("vars") or {}
    return f"{variables.get('schema_prefix') or ''}marts"


def train(opened: Callable[[], AbstractContextManager[Warehouse]], marts: str, at: datetime) -> Trained:
    """Learn from the histories of the schema ``marts`` and publish a version. Raises ValueModelError.

    ``opened`` gives the warehouse twice, to read and to write: nobody waits while the models are fitted.
    """
    with opened() as warehouse:
        table = TableName(marts, "int_finance__purchase_histories")
        if warehouse.columns(table) is None:
            raise ValueModelError(
                "Customer value is not built yet, so there are no purchases to learn from: run `braid build` first."
            )
        counted, spent = _read(warehouse, warehouse.relation(table))
    if not counted.num_rows:
        raise ValueModelError("No known customer has bought anything: extract orders and run `braid build` first.")
    histories, until = _histories(counted)
    purchases = bg_nbd.fit(histories)
    spend, unknown = _spend(spent)
    version = _version(at, until, purchases, spend)
    trained = Trained(version, until, int(histories.customers[histories.x > 0].sum()), purchases, spend, unknown)
    with opened() as warehouse:
        _publish(warehouse, trained, at)
    return trained


def _read(warehouse: Warehouse, relation: str) -> tuple[pa.Table, pa.Table]:
    """Distinct histories with their number of customers, and what those who came back spent, each in a fixed order."""
    counted = warehouse.query(
        "select repeat_purchases, recency_days, age_days, cutoff_day, count(*) as customers "
        f"from {relation} group by repeat_purchases, recency_days, age_days, cutoff_day "
        "order by cutoff_day, repeat_purchases, recency_days, age_days"
    )
    spent = warehouse.query(
        "select currency, repeat_spend_days, repeat_amount "
        f"from {relation} where repeat_spend_days > 0 order by currency, repeat_spend_days, repeat_amount"
    )
    return counted, spent


def _floats(values: Iterable[Any]) -> Floats:
    return np.array([float(value) for value in values], dtype=np.float64)


def _histories(counted: pa.Table) -> tuple[Histories, date]:
    x, last, age, said, customers = (column.to_pylist() for column in counted.columns)
    cutoffs: set[Any] = set(said)
    if len(cutoffs) != 1:
        raise ValueModelError("Purchase histories are of several cut-offs: run `braid build` again.")
    found = Histories(_floats(x), _floats(last) / DAYS_A_WEEK, _floats(age) / DAYS_A_WEEK, _floats(customers))
    return found, cutoffs.pop()


def _spend(spent: pa.Table) -> tuple[dict[str | None, GammaGamma], tuple[str | None, ...]]:
    """A model for each currency that says enough, and the currencies that do not."""
    by_currency: dict[str | None, list[tuple[float, float]]] = {}
    for currency, days, amount in zip(*(column.to_pylist() for column in spent.columns), strict=True):
        by_currency.setdefault(currency, []).append((float(days), float(amount)))
    models: dict[str | None, GammaGamma] = {}
    unknown = []
    for currency, rows in by_currency.items():
        days, amounts = np.array(rows, dtype=np.float64).T
        if int((amounts > 0).sum()) < gamma_gamma.FEWEST_REPEATERS:
            unknown.append(currency)
        else:
            models[currency] = gamma_gamma.fit(days, amounts / days)
    return models, tuple(unknown)


def _version(at: datetime, until: date, purchases: BgNbd, spend: dict[str | None, GammaGamma]) -> str:
    said = f"{at.isoformat()}|{until}|{astuple(purchases)}|{[(name, astuple(model)) for name, model in spend.items()]}"
    return f"{at:%Y%m%d%H%M%S}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def _publish(warehouse: Warehouse, trained: Trained, at: datetime) -> None:
    """Both books or none; every version is kept."""
    model = trained.purchases
    rows: dict[TableName, list[tuple[object, ...]]] = {
        MODELS: [
            (trained.version, trained.learnt_until, model.customers, trained.repeaters, *model.parameters,
             model.log_likelihood, " ".join(model.at_edge), at)
        ],
        SPEND_MODELS: [
            (trained.version, currency, one.customers, one.p, one.q, one.v, one.log_likelihood, " ".join(one.at_edge))
            for currency, one in trained.spend.items()
        ],
    }  # fmt: skip
    tables = {name: table_of(SCHEMAS[name], lines) for name, lines in rows.items()}
    for name, table in tables.items():
        warehouse.ensure_table(name, table.schema)
    with (
        warehouse.stage(tables[MODELS], constants={}) as models,
        warehouse.stage(tables[SPEND_MODELS], constants={}) as spends,
        warehouse.transaction(),
    ):
        # The version is what makes the others count: it comes last.
        warehouse.append(SPEND_MODELS, spends)
        warehouse.append(MODELS, models)


def table_of(schema: pa.Schema, rows: list[tuple[object, ...]]) -> pa.Table:
    """Rows as a table of the schema; empty for none."""
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    return pa.table(
        [pa.array(list(column), type=kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
