"""How things look: number formats, tiles, charts, tables with a download, empty states. One look for all pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import data, metrics

INK = "#1f6fb5"
COLOURS = [INK, "#c8551b", "#25845a", "#7350a8", "#b08900", "#6b7480", "#b3261e", "#2a8c99"]
NOTHING = "—"
# Rows of a table that a page shows; a download has the same ones.
MOST_ROWS = 500
_FEW_POINTS = 60


@st.cache_resource(show_spinner=False)
def source() -> data.Source:
    """The one source of this process."""
    return data.connect()


@st.cache_data(show_spinner=False, max_entries=500, ttl=3600)
def _answered(version: str, where: str, sql: str, params: tuple[object, ...]) -> pd.DataFrame:
    return source().frame(sql, params)


def rows(sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
    """The rows of a query; asked once per version of the data. Raises DataError."""
    return _answered(source().version(), source().name, sql, tuple(params))


def numbers(
    names: Sequence[str],
    by: Sequence[str] = (),
    where: Mapping[str, Sequence[object]] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> pd.DataFrame:
    """Metrics by columns, as models/metrics defines them."""
    return rows(*metrics.compiled(metrics.Query(names, by, where or {}, since, until)))


def heading(title: str, about: str) -> None:
    """The page's title and what it is for, in a line."""
    st.title(title, anchor=False)
    st.caption(about)


def count(value: Any) -> str:
    """1,234."""
    return NOTHING if _is_missing(value) else f"{round(value):,}"


def share(value: Any) -> str:
    """12.3 %."""
    return NOTHING if _is_missing(value) else f"{value * 100:.1f} %"


def days(value: Any) -> str:
    """34.5 days."""
    return NOTHING if _is_missing(value) else f"{value:,.1f} days"


def money(value: Any, currency: str | None) -> str:
    """USD 1.23 M; below 10,000 to the cent."""
    if _is_missing(value):
        return NOTHING
    size = abs(value)
    for limit, unit in ((1e9, " bn"), (1e6, " M"), (1e4, " k")):
        if size >= limit:
            divisor = 1e3 if unit == " k" else limit
            return f"{currency or ''} {value / divisor:,.2f}{unit}".strip()
    return f"{currency or ''} {value:,.2f}".strip()


def tiles(of: Sequence[tuple[str, str]], *, a_row: int = 6) -> None:
    """Metrics with their values, several a row; a metric's definition is its help."""
    known = metrics.definitions().metrics
    for start in range(0, len(of), a_row):
        chunk = of[start : start + a_row]
        for column, (name, value) in zip(st.columns(len(chunk)), chunk, strict=True):
            metric = known.get(name)
            column.metric(
                metric.label if metric else name, value, help=metric.description if metric else None, border=True
            )


def empty(what: str, remedy: str) -> None:
    """Nothing to show, and how there would be something."""
    st.info(f"{what} {remedy}", icon=":material/inbox:")


def listed(frame: pd.DataFrame, name: str, columns: Mapping[str, Any] | None = None, height: int | None = None) -> None:
    """A table and its download as CSV; ``columns`` are names to show or Streamlit's column settings."""
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        column_config=dict(columns or {}),
        height=height or "auto",
        placeholder=NOTHING,
    )
    st.download_button(
        "Download CSV",
        frame.to_csv(index=False).encode(),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"download_{name}",
        icon=":material/download:",
    )
    if len(frame) >= MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} rows.")


def money_column(label: str) -> Any:
    """A column of amounts."""
    return st.column_config.NumberColumn(label, format="accounting")


def share_column(label: str) -> Any:
    """A column of shares of one."""
    return st.column_config.NumberColumn(label, format="percent")


def date_column(label: str) -> Any:
    """A column of days."""
    return st.column_config.DateColumn(label, format="YYYY-MM-DD")


def time_column(label: str) -> Any:
    """A column of moments, UTC."""
    return st.column_config.DatetimeColumn(label, format="YYYY-MM-DD HH:mm", width=150)


def chosen_currency(currencies: Sequence[str]) -> str | None:
    """One currency: amounts of several are never added. None where there is none."""
    known = [one for one in currencies if one]
    if not known:
        return None
    return str(st.selectbox("Currency", known, help="Amounts of different currencies are never added."))


def period(first: date, last: date, label: str, key: str) -> tuple[date, date]:
    """Two days chosen between two others; while only one is chosen, the whole."""
    chosen = st.date_input(label, (first, last), min_value=first, max_value=last, key=key, format="YYYY-MM-DD")
    if isinstance(chosen, tuple) and len(chosen) == 2:
        return chosen[0], chosen[1]
    return first, last


def bars(frame: pd.DataFrame, x: alt.X, y: alt.Y, colour: str | None = None, height: int = 260) -> None:
    """Bars, stacked by a column where one is named."""
    encoding: dict[str, Any] = {"x": x, "y": y, "tooltip": list(frame.columns)}
    if colour:
        encoding["color"] = alt.Color(f"{colour}:N", scale=alt.Scale(range=COLOURS), title=None)
    mark = alt.Chart(frame, height=height).mark_bar(color=INK, cornerRadiusEnd=2)
    st.altair_chart(mark.encode(**encoding), width="stretch")


def line(frame: pd.DataFrame, x: alt.X, y: alt.Y, colour: str | None = None, height: int = 260) -> None:
    """A line, with its points while they are few; of several lines the legend has the order of the rows."""
    encoding: dict[str, Any] = {"x": x, "y": y, "tooltip": list(frame.columns)}
    if colour:
        names = list(dict.fromkeys(frame[colour]))
        encoding["color"] = alt.Color(f"{colour}:N", scale=alt.Scale(domain=names, range=COLOURS), title=None)
    point = alt.OverlayMarkDef(size=36) if len(frame) <= _FEW_POINTS else False
    mark = alt.Chart(frame, height=height).mark_line(color=INK, point=point)
    st.altair_chart(mark.encode(**encoding), width="stretch")


def month_axis(column: str) -> alt.X:
    """Months as they are, without a time of day."""
    return alt.X(f"yearmonth({column}):O", title=None, axis=alt.Axis(format="%b %Y", labelAngle=-45, labelOverlap=True))


def amount_axis(column: str, title: str) -> alt.Y:
    """Amounts from zero, short: 1.2M."""
    return alt.Y(f"{column}:Q", title=title, axis=alt.Axis(format="~s"))


def share_axis(column: str, title: str) -> alt.Y:
    """Shares as percentages, from zero."""
    return alt.Y(f"{column}:Q", title=title, axis=alt.Axis(format="%"), scale=alt.Scale(zero=True))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT or value is pd.NA
