"""What scores learn from the warehouse's own history: one version of three books in ``ops``, back-tested.

Examples are read as they stand in a dbt model, of the last build and as of its cut-off: what learns and what is scored
is made by one model. An example is looked at from the cut-off (``horizons_back`` 0, to be scored) or from one or two
horizons before it, where the outcome is known. The back-test learns from two horizons back and is measured on one
horizon back: it sees nothing that was not known then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.lib.value_training import table_of
from value import ValueModelError, backtest, logistic
from value.backtest import Backtest
from value.expectation import Floats
from value.logistic import Logistic
from warehouse.base import TableName, Warehouse

_STRING: pa.DataType = pa.string()
_BIGINT: pa.DataType = pa.int64()
_DOUBLE: pa.DataType = pa.float64()
_KEYS = {"score": _STRING, "model_version": _STRING}
MODELS, WEIGHTS, BACKTESTS = (TableName("ops", f"score_{name}") for name in ("models", "weights", "backtests"))
SCHEMAS: dict[TableName, pa.Schema] = {
    MODELS: pa.schema(
        {
            **_KEYS,
            "learnt_until": pa.date32(),
            "horizon_days": _BIGINT,
            "number_of_examples": _BIGINT,
            "number_of_outcomes": _BIGINT,
            "intercept": _DOUBLE,
            "log_loss": _DOUBLE,
            "backtest_examples": _BIGINT,
            "backtest_outcomes": _BIGINT,
            "backtest_expected": _DOUBLE,
            "backtest_auc": _DOUBLE,
            "backtest_log_loss": _DOUBLE,
            "backtest_base_log_loss": _DOUBLE,
            "trained_at": pa.timestamp("us"),
        }
    ),
    WEIGHTS: pa.schema({**_KEYS, "feature": _STRING, "weight": _DOUBLE, "mean": _DOUBLE, "deviation": _DOUBLE}),
    BACKTESTS: pa.schema(
        {
            **_KEYS,
            "decile": _BIGINT,
            "number_of_examples": _BIGINT,
            "expected_share": _DOUBLE,
            "outcome_share": _DOUBLE,
            "lift": _DOUBLE,
        }
    ),
}
# Scores with the model that has their examples, and what is told of where it is not built.
EXAMPLES = {"churn": "int_finance__churn_examples", "lead": "int_sales__lead_examples"}
# Columns of examples that are no feature.
_OTHERS = frozenset({"customer_id", "lead_id", "horizons_back", "outcome", "horizon_days", "as_of_day", "cutoff_day"})

Opened = Callable[[], AbstractContextManager[Warehouse]]


@dataclass(frozen=True)
class Learnt:
    """A model that was not published yet; ``tested`` is None where no horizon was left to learn and one to compare."""

    score: str
    learnt_until: date
    horizon_days: int
    model: Logistic
    tested: Backtest | None


def learn(opened: Opened, marts: str, score: str) -> Learnt:
    """Learn from the examples in the schema ``marts``, and test it back. Raises ValueModelError."""
    with opened() as warehouse:
        table = TableName(marts, EXAMPLES[score])
        columns = warehouse.columns(table)
        if columns is None:
            raise ValueModelError(f"The examples of {score} are not built yet: run `braid build` first.")
        features = sorted(name.lower() for name in columns if name.lower() not in _OTHERS)
        listed = ", ".join(features)
        known = warehouse.query(
            f"select distinct cutoff_day, horizon_days from {warehouse.relation(table)} order by 1, 2"
        )
        rows = warehouse.query(
            f"select {listed}, outcome, horizons_back from {warehouse.relation(table)} where outcome is not null "
            f"order by horizons_back, outcome, {listed}"
        )
    if not known.num_rows:
        raise ValueModelError(f"There is nobody to learn {score} from: extract and run `braid build` first.")
    if known.num_rows > 1:
        raise ValueModelError(f"Examples of {score} are of several cut-offs: run `braid build` again.")
    values, happened, back = _examples(rows, len(features))
    model = logistic.fit(features, values, happened)
    said: list[Any] = [column.to_pylist()[0] for column in known.columns]
    return Learnt(score, said[0], int(said[1]), model, _tested(features, values, happened, back))


def train(opened: Opened, marts: str, score: str, at: datetime) -> tuple[str, Learnt]:
    """Learn, and publish what was learnt as a version; returns its name. Raises ValueModelError."""
    learnt = learn(opened, marts, score)
    version = f"{at:%Y%m%d%H%M%S}-{hashlib.sha256(f'{at.isoformat()}|{learnt}'.encode()).hexdigest()[:8]}"
    with opened() as warehouse:
        _publish(warehouse, version, learnt, at)
    return version, learnt


def _examples(rows: pa.Table, features: int) -> tuple[Floats, Floats, Floats]:
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in rows.columns]
    values = np.column_stack(columns[:features]) if rows.num_rows else np.zeros((0, features))
    return values, columns[features], columns[features + 1]


def _tested(features: list[str], values: Floats, happened: Floats, back: Floats) -> Backtest | None:
    earlier, later = back == 2, back == 1
    try:
        before = logistic.fit(features, values[earlier], happened[earlier])
    except ValueModelError:
        return None
    return backtest.measure(before.probability(values[later]), happened[later])


def _publish(warehouse: Warehouse, version: str, learnt: Learnt, at: datetime) -> None:
    """All three books or none; every version is kept."""
    model, tested = learnt.model, learnt.tested
    keys = (learnt.score, version)
    figures: tuple[Any, ...] = (None,) * 6
    if tested is not None:
        figures = (tested.examples, tested.outcomes, tested.expected, tested.auc, tested.log_loss, tested.base_log_loss)
    rows: dict[TableName, list[tuple[object, ...]]] = {
        # The version is what makes the others count: it comes last.
        WEIGHTS: [
            (*keys, *line) for line in zip(model.features, model.weights, model.means, model.deviations, strict=True)
        ],
        BACKTESTS: [
            (*keys, one.decile, one.examples, one.expected, one.happened, one.lift)
            for one in (tested.deciles if tested else ())
        ],
        MODELS: [
            (*keys, learnt.learnt_until, learnt.horizon_days, model.examples, model.outcomes, model.intercept,
             model.log_loss, *figures, at)
        ],
    }  # fmt: skip
    tables = {name: table_of(SCHEMAS[name], lines) for name, lines in rows.items()}
    for name, table in tables.items():
        warehouse.ensure_table(name, table.schema)
    with (
        warehouse.stage(tables[WEIGHTS], constants={}) as weights,
        warehouse.stage(tables[BACKTESTS], constants={}) as backtests,
        warehouse.stage(tables[MODELS], constants={}) as models,
        warehouse.transaction(),
    ):
        warehouse.append(WEIGHTS, weights)
        warehouse.append(BACKTESTS, backtests)
        warehouse.append(MODELS, models)
