"""Queries made from the metric definitions in models/metrics: a number has one definition, whoever shows it.

What is understood is what those files use: metrics that are a measure (sum or average) or the ratio of two such, cut by
dimensions and entities of their semantic models. MetricFlow understands the same files and more; a test holds the
answers equal. The pages do not run MetricFlow itself: Snowflake does not offer it to a Streamlit app, and it plans for
longer than DuckDB computes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dashboard.data import table

FOLDER = Path(__file__).resolve().parent.parent / "models" / "metrics"
TIME = "metric_time"
GRAINS = ("day", "week", "month", "quarter", "year")
_AGGREGATES = {"sum": "sum", "average": "avg"}


class MetricError(Exception):
    """A query asks for what the definitions do not have; a mistake of the page, not of its reader."""


@dataclass(frozen=True)
class Measure:
    """An aggregate of a semantic model; ``time`` is the column that time is told by."""

    model: str
    aggregate: str
    expr: str
    time: str


@dataclass(frozen=True)
class Metric:
    """A number: a measure, or the ratio of two."""

    name: str
    label: str
    description: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """All of models/metrics. ``columns`` are the ways to cut, by semantic model and the name in a query."""

    metrics: Mapping[str, Metric]
    measures: Mapping[str, Measure]
    tables: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    def metric(self, name: str) -> Metric:
        """Raises MetricError."""
        if name not in self.metrics:
            raise MetricError(f"No metric is called {name}; there are {', '.join(sorted(self.metrics))}.")
        return self.metrics[name]

    def leaves(self, name: str) -> tuple[str, ...]:
        """The measures that a metric is made of: one, or numerator and denominator."""
        metric = self.metric(name)
        if len(metric.parts) == 1:
            return metric.parts
        return tuple(leaf for part in metric.parts for leaf in self.leaves(part))


@dataclass(frozen=True)
class Query:
    """Metrics by columns. ``where`` is values by column; ``since`` and ``until`` are days of metric_time, inclusive."""

    metrics: Sequence[str]
    by: Sequence[str] = ()
    where: Mapping[str, Sequence[object]] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None


@cache
def definitions(folder: Path = FOLDER) -> Definitions:
    """The definitions as they are in ``folder``, read once."""
    read = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.yml"))]
    models = [model for content in read for model in content.get("semantic_models", [])]
    metrics = [metric for content in read for metric in content.get("metrics", [])]
    return Definitions(
        metrics={one["name"]: _metric(one) for one in metrics},
        measures={
            measure["name"]: Measure(
                model["name"],
                _AGGREGATES[measure["agg"]],
                str(measure.get("expr", measure["name"])),
                _time(model, measure),
            )
            for model in models
            for measure in model["measures"]
        },
        tables={model["name"]: _referred(model["model"]) for model in models},
        columns={model["name"]: _columns(model) for model in models},
    )


def compiled(query: Query, known: Definitions | None = None) -> tuple[str, list[object]]:
    """The SQL of a query, for DuckDB and Snowflake alike, and its parameters.

    Columns are named as MetricFlow names them: `metric_time__month`, `currency`, `opportunity__stage_name`; rows come
    in their order. A ratio is null where nothing is counted.
    """
    known = known or definitions()
    leaves = list(dict.fromkeys(leaf for name in query.metrics for leaf in known.leaves(name)))
    models = list(dict.fromkeys((known.measures[leaf].model, known.measures[leaf].time) for leaf in leaves))
    parts: list[str] = []
    params: list[object] = []
    for model, time in models:
        sql, given = _part(query, known, leaves, model, time)
        parts.append(sql)
        params += given
    keys = ", ".join(query.by)
    union = "\nunion all\n".join(parts)
    shown = [f"{_value(name, known)} as {name}" for name in query.metrics]
    sums = [f"max({leaf}) as {leaf}" for leaf in leaves]
    inner = f"select {', '.join([*query.by, *sums])} from (\n{union}\n) as parts"
    if keys:
        inner += f" group by {keys}"
    order = f" order by {keys}" if keys else ""
    return f"select {', '.join([*query.by, *shown])} from (\n{inner}\n) as sums{order}", params


def _part(query: Query, known: Definitions, leaves: Sequence[str], model: str, time: str) -> tuple[str, list[object]]:
    """The measures of one semantic model, the others null, so that those of several can stand in one table."""
    columns = known.columns[model]
    keys = [_key(name, columns, time, model) for name in query.by]
    values = []
    for leaf in leaves:
        measure = known.measures[leaf]
        is_here = (measure.model, measure.time) == (model, time)
        values.append(f"{measure.aggregate}({measure.expr}) as {leaf}" if is_here else f"null as {leaf}")
    conditions: list[str] = []
    params: list[object] = []
    for name, wanted in query.where.items():
        conditions.append(f"{_key(name, columns, time, model)} in ({', '.join('?' for _ in wanted) or 'null'})")
        params += wanted
    for sign, day in ((">=", query.since), ("<=", query.until)):
        if day is not None:
            conditions.append(f"cast({columns[time]} as date) {sign} ?")
            params.append(day)
    named = [f"{key} as {name}" for key, name in zip(keys, query.by, strict=True)]
    sql = f"select {', '.join([*named, *values])} from {table('marts', known.tables[model])}"
    if conditions:
        sql += f" where {' and '.join(conditions)}"
    if keys:
        sql += f" group by {', '.join(keys)}"
    return sql, params


def _key(name: str, columns: Mapping[str, str], time: str, model: str) -> str:
    if name.startswith(f"{TIME}__") and (grain := name.removeprefix(f"{TIME}__")) in GRAINS:
        return f"cast(date_trunc('{grain}', {columns[time]}) as date)"
    if name not in columns:
        raise MetricError(f"{model} is not cut by {name}; it is by {', '.join(columns)}.")
    return f"({columns[name]})"


def _value(name: str, known: Definitions) -> str:
    leaves = known.leaves(name)
    if len(leaves) == 1:
        return leaves[0]
    above, below = leaves
    return f"cast({above} as double) / cast(nullif({below}, 0) as double)"


def _metric(one: Mapping[str, Any]) -> Metric:
    given = one["type_params"]
    parts = (given["measure"],) if one["type"] == "simple" else (given["numerator"], given["denominator"])
    return Metric(one["name"], one["label"], one["description"], parts)


def _time(model: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    return str(measure.get("agg_time_dimension") or model["defaults"]["agg_time_dimension"])


def _columns(model: Mapping[str, Any]) -> dict[str, str]:
    """Expressions by name: entities by their own, dimensions behind the primary entity's, times by their own too."""
    entities = model.get("entities", [])
    primary = model.get("primary_entity") or next(one["name"] for one in entities if one["type"] == "primary")
    found = {one["name"]: str(one.get("expr", one["name"])) for one in entities}
    for one in model.get("dimensions", []):
        expr = str(one.get("expr", one["name"]))
        found[f"{primary}__{one['name']}"] = expr
        if one["type"] == "time":
            found[one["name"]] = expr
    return found


def _referred(model: str) -> str:
    match = re.fullmatch(r"ref\('(\w+)'\)", model)
    if match is None:
        raise MetricError(f"A semantic model is over {model!r}; it must be ref('…').")
    return match[1]
