"""Funnels and retention: how far customers get, and whether they come back."""

from __future__ import annotations

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import shown
from dashboard.data import table

_FUNNEL = ("funnel_entries", "funnel_reached", "funnel_conversion")


def show() -> None:
    """The page."""
    shown.heading(
        "Funnels and retention", "How far customers get, and whether they come back. Days and months are UTC."
    )
    _tiles()
    left, right = st.columns(2)
    with left:
        _funnel()
    with right:
        _active()
    _cohorts()


def _tiles() -> None:
    product = shown.numbers(["sign_ups", "activation", "retention"]).iloc[0]
    newest = shown.rows(
        "select active_on, daily_active_customers, monthly_active_customers, stickiness"
        f" from {table('marts', 'fct_engagement')} order by active_on desc limit 1"
    )
    now = newest.iloc[0] if len(newest) else pd.Series(dtype=object)
    shown.tiles(
        [
            ("sign_ups", shown.count(product["sign_ups"])),
            ("activation", shown.share(product["activation"])),
            ("retention", shown.share(product["retention"])),
            ("Active, last day", shown.count(now.get("daily_active_customers"))),
            ("Active, 30 days", shown.count(now.get("monthly_active_customers"))),
            ("Stickiness", shown.share(now.get("stickiness"))),
        ]
    )


def _funnel() -> None:
    st.subheader("Funnel", anchor=False)
    known = shown.rows(
        "select funnel_name, min(entered_on) as first_day, max(entered_on) as last_day"
        f" from {table('marts', 'fct_funnel_conversions')} group by funnel_name order by funnel_name"
    )
    if known.empty:
        shown.empty("Nobody entered a funnel yet.", "Funnels are written in contracts/funnels.yml.")
        return
    first, second = st.columns([1, 2])
    with first:
        name = st.selectbox("Funnel", list(known["funnel_name"]))
    chosen = known[known["funnel_name"] == name].iloc[0]
    with second:
        since, until = shown.period(
            pd.Timestamp(chosen["first_day"]).date(),
            pd.Timestamp(chosen["last_day"]).date(),
            "Day of entry",
            f"funnel_period_{name}",
        )
    where = {"funnel_step__funnel_name": [name]}
    steps = shown.numbers(
        _FUNNEL, ["funnel_step__step_number", "funnel_step__step_name"], where, since, until
    ).rename(columns={"funnel_step__step_number": "number", "funnel_step__step_name": "step"})  # fmt: skip
    if steps.empty:
        shown.empty("Nobody entered this funnel in these days.", "Choose others above.")
        return
    steps["of_the_step_before"] = steps["funnel_reached"] / steps["funnel_reached"].shift(1)
    base = alt.Chart(steps, height=52 * len(steps) + 30).encode(
        y=alt.Y("step:N", sort=list(steps["step"]), title=None, axis=alt.Axis(labelLimit=160)),
        x=alt.X(
            "funnel_reached:Q",
            title="Customers",
            axis=alt.Axis(format="~s", tickCount=5),
            scale=alt.Scale(domain=[0, 1.15 * float(steps["funnel_reached"].max() or 1)]),
        ),
        tooltip=["step", "funnel_reached", alt.Tooltip("funnel_conversion:Q", format=".1%")],
    )
    words = base.mark_text(align="left", dx=6).encode(text=alt.Text("funnel_conversion:Q", format=".1%"))
    st.altair_chart(base.mark_bar(color=shown.INK, cornerRadiusEnd=2) + words, width="stretch")
    shown.listed(
        steps[["number", "step", "funnel_reached", "funnel_conversion", "of_the_step_before"]],
        "funnel",
        {
            "number": "Step",
            "step": "Name",
            "funnel_reached": "Customers",
            "funnel_conversion": shown.share_column("Of all who entered"),
            "of_the_step_before": shown.share_column("Of the step before"),
        },
    )
    _over_time(name, where, since, until)


def _over_time(name: str, where: dict[str, list[str]], since: date, until: date) -> None:
    st.subheader("Conversion by week of entry", anchor=False)
    last = shown.rows(
        f"select max(step_number) as step_number from {table('marts', 'fct_funnel_conversions')} where funnel_name = ?",
        [name],
    )
    step = int(last["step_number"].iloc[0])
    weeks = shown.numbers(
        _FUNNEL, ["metric_time__week"], {**where, "funnel_step__step_number": [step]}, since, until
    ).rename(columns={"metric_time__week": "week"})  # fmt: skip
    shown.line(
        weeks,
        alt.X("week:T", title=None),
        shown.share_axis("funnel_conversion", "Took the last step"),
        height=200,
    )


def _active() -> None:
    st.subheader("Active customers", anchor=False)
    active = shown.rows(
        "select active_on, daily_active_customers as daily, weekly_active_customers as weekly,"
        f" monthly_active_customers as monthly from {table('marts', 'fct_engagement')}"
        " order by active_on desc limit 365"
    )
    if active.empty:
        shown.empty("No customer was ever active.", "Sessions of known customers count; see docs/event-marts.md.")
        return
    long = active.melt("active_on", var_name="window", value_name="customers")
    shown.line(long, alt.X("active_on:T", title=None), shown.amount_axis("customers", "Customers"), "window", 300)
    shown.listed(
        active,
        "active_customers",
        {"active_on": shown.date_column("Day"), "daily": "1 day", "weekly": "7 days", "monthly": "30 days"},
        height=200,
    )


def _cohorts() -> None:
    st.subheader("Retention by month of first activity", anchor=False)
    cohorts = shown.numbers(
        ["cohort_customers", "retained_customers", "retention_by_month"],
        ["cohort__cohort_month", "cohort__months_since"],
    ).rename(columns={"cohort__cohort_month": "cohort", "cohort__months_since": "months"})  # fmt: skip
    if cohorts.empty:
        shown.empty("No customer was ever active.", "Sessions of known customers count; see docs/event-marts.md.")
        return
    newest = sorted(cohorts["cohort"].unique())[-24:]
    cohorts = cohorts[cohorts["cohort"].isin(newest)].copy()
    cohorts["month"] = pd.to_datetime(cohorts["cohort"]).dt.strftime("%Y-%m")
    base = alt.Chart(cohorts, height=28 * len(newest) + 60).encode(
        x=alt.X("months:O", title="Months later", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("month:O", title=None),
        tooltip=["month", "months", "cohort_customers", "retained_customers",
                 alt.Tooltip("retention_by_month:Q", format=".1%")],
    )  # fmt: skip
    scale = alt.Scale(scheme="blues", domain=[0, 1])
    cells = base.mark_rect().encode(color=alt.Color("retention_by_month:Q", scale=scale, legend=None))
    words = base.mark_text(fontSize=11).encode(
        text=alt.Text("retention_by_month:Q", format=".0%"),
        color=alt.condition("datum.retention_by_month > 0.6", alt.value("white"), alt.value("#1c2430")),
    )
    st.altair_chart(cells + words, width="stretch")
    st.caption("The last month of each row is not over yet.")
    shown.listed(
        cohorts[["month", "months", "cohort_customers", "retained_customers", "retention_by_month"]],
        "retention",
        {
            "month": "Month of first activity",
            "months": "Months later",
            "cohort_customers": "Customers",
            "retained_customers": "Active",
            "retention_by_month": shown.share_column("Retention"),
        },
        height=240,
    )
