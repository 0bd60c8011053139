"""Acquisition and attribution: what channels win and cost, as each model of credit sees it."""

from __future__ import annotations

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import shown
from dashboard.data import table

_CREDITED = ("attributed_conversions", "attributed_amount", "attributed_spend", "return_on_spend")
_WORDS = {
    "first_touch": "First touch",
    "last_touch": "Last touch",
    "last_non_direct": "Last non-direct",
    "linear": "Linear",
    "position_based": "Position-based",
    "time_decay": "Time decay",
    "shapley": "Shapley",
}


def show() -> None:
    """The page."""
    shown.heading("Acquisition and attribution", "What channels win and what they cost, by month of the conversion.")
    known = shown.rows(
        "select currency, attribution_model, min(month_of) as first_month, max(month_of) as last_month,"
        f" sum(conversions) as conversions from {table('marts', 'fct_channel_returns')}"
        " group by currency, attribution_model order by conversions desc, currency, attribution_model"
    )
    if known.empty:
        shown.empty(
            "Nothing was won or spent yet.", "Orders, won deals and seeds/marketing/marketing_spend.csv show here."
        )
        return
    first, second, third = st.columns([1, 1, 2])
    with first:
        currency = shown.chosen_currency(list(dict.fromkeys(known["currency"])))
    models = [one for one in _WORDS if one in set(known["attribution_model"])]
    with second:
        model = st.selectbox("Credit goes by", models, index=len(models) - 1, format_func=lambda one: _WORDS[one])
    with third:
        last = pd.Timestamp(known["last_month"].max()) + pd.offsets.MonthEnd(0)
        since, until = shown.period(
            pd.Timestamp(known["first_month"].min()).date(), last.date(), "Months with a day in", "acquisition_period"
        )
    since = since.replace(day=1)
    credited: dict[str, list[str | None]] = {"currency": [currency], "channel_month__attribution_model": [model]}
    _tiles(credited, currency, since, until)
    left, right = st.columns(2)
    with left:
        _by_month(credited, currency, since, until)
    with right:
        _by_model(currency, since, until)
    _channels(credited, currency, since, until)


def _tiles(credited: dict[str, list[str | None]], currency: str | None, since: date, until: date) -> None:
    money = {"currency": [currency]}
    won = shown.numbers(["new_customers", "spend", "customer_acquisition_cost"], (), money, since, until).iloc[0]
    credit = shown.numbers(_CREDITED, (), credited, since, until).iloc[0]
    # Spend that nobody wrote down is no spend of nothing.
    is_known = not pd.isna(won["spend"]) and won["spend"] != 0
    value = shown.numbers(["lifetime_value"], (), money).iloc[0]
    shown.tiles(
        [
            ("new_customers", shown.count(won["new_customers"])),
            ("spend", shown.money(won["spend"], currency)),
            (
                "customer_acquisition_cost",
                shown.money(won["customer_acquisition_cost"] if is_known else None, currency),
            ),
            ("lifetime_value", shown.money(value["lifetime_value"], currency)),
            ("attributed_amount", shown.money(credit["attributed_amount"], currency)),
            (
                "return_on_spend",
                shown.NOTHING if pd.isna(credit["return_on_spend"]) else f"{credit['return_on_spend']:.2f}",
            ),
        ]
    )
    if not is_known:
        shown.empty("No spend is known in this currency and time, so there is no cost and no return.",
                    "Fill in seeds/marketing/marketing_spend.csv.")  # fmt: skip


def _by_month(credited: dict[str, list[str | None]], currency: str | None, since: date, until: date) -> None:
    st.subheader("Attributed amount by month", anchor=False)
    months = shown.numbers(["attributed_amount"], ["metric_time__month", "channel"], credited, since, until)
    months = months.rename(columns={"metric_time__month": "month"})
    top = list(months.groupby("channel")["attributed_amount"].sum().nlargest(len(shown.COLOURS) - 1).index)
    months["channel"] = months["channel"].where(months["channel"].isin(top), "others")
    months = months.groupby(["month", "channel"], as_index=False)["attributed_amount"].sum()
    shown.bars(months, shown.month_axis("month"), shown.amount_axis("attributed_amount", f"{currency}"), "channel", 300)


def _by_model(currency: str | None, since: date, until: date) -> None:
    st.subheader("The same by every way of giving credit", anchor=False)
    every = shown.numbers(
        ["attributed_amount"], ["channel", "channel_month__attribution_model"], {"currency": [currency]}, since, until
    ).rename(columns={"channel_month__attribution_model": "model"})
    every["model"] = every["model"].map(lambda one: _WORDS.get(one, one))
    top = list(every.groupby("channel")["attributed_amount"].max().nlargest(8).index)
    every = every[every["channel"].isin(top)]
    slanted = alt.Axis(labelAngle=-40, labelOverlap=False, labelLimit=140)
    chart = alt.Chart(every, height=300).mark_rect().encode(
        x=alt.X("model:N", sort=list(_WORDS.values()), title=None, axis=slanted),
        y=alt.Y("channel:N", sort=top, title=None),
        color=alt.Color(
            "attributed_amount:Q", scale=alt.Scale(scheme="blues"), title=currency, legend=alt.Legend(format="~s")
        ),
        tooltip=["channel", "model", alt.Tooltip("attributed_amount:Q", format=",.2f")],
    )  # fmt: skip
    st.altair_chart(chart, width="stretch")


def _channels(credited: dict[str, list[str | None]], currency: str | None, since: date, until: date) -> None:
    st.subheader("Channels", anchor=False)
    channels = shown.numbers(_CREDITED, ["channel"], credited, since, until)
    acquired = shown.numbers(
        ["new_customers", "customer_acquisition_cost"], ["channel"], {"currency": [currency]}, since, until
    )
    both = channels.merge(acquired, on="channel", how="outer").sort_values("attributed_amount", ascending=False)
    shown.listed(
        both.head(shown.MOST_ROWS),
        "channels",
        {
            "channel": "Channel",
            "attributed_conversions": st.column_config.NumberColumn("Conversions", format="%.2f"),
            "attributed_amount": shown.money_column("Amount"),
            "attributed_spend": shown.money_column("Spend"),
            "return_on_spend": st.column_config.NumberColumn("Return on spend", format="%.2f"),
            "new_customers": "New customers",
            "customer_acquisition_cost": shown.money_column("Acquisition cost"),
        },
    )
