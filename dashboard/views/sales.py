"""Sales performance: what is open, what was won, how often and how fast."""

from __future__ import annotations

from datetime import date
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import shown
from dashboard.data import table

_OPEN = ("pipeline", "expected_pipeline", "open_opportunities")
_CLOSED = ("won_amount", "won_opportunities", "closed_opportunities", "win_rate", "sales_cycle")
# The stage of deals whose CRM's stage is in no row of the mapping.
_UNMAPPED = "unmapped"


def show() -> None:
    """The page."""
    shown.heading(
        "Sales performance", "Deals of all CRMs. Open deals count whatever their close date; won and lost ones by it."
    )
    known = shown.rows(
        "select currency, source_system, count(*) as deals, min(close_on) as first_day, max(close_on) as last_day"
        f" from {table('marts', 'fct_opportunities')} where not is_deleted group by currency, source_system"
        " order by deals desc, currency, source_system"
    )
    if known.empty:
        shown.empty("No deals are known yet.", "Run `braid extract salesforce` or `hubspot`, then `braid build`.")
        return
    first, second, third = st.columns([1, 1, 2])
    with first:
        currency = shown.chosen_currency(list(dict.fromkeys(known["currency"])))
    with second:
        systems = st.multiselect("CRM", sorted(set(known["source_system"])), placeholder="All")
    with third:
        days = known.dropna(subset=["first_day", "last_day"])
        today = date.today()  # noqa: DTZ011 - only the widest choice where no deal has a date
        since, until = shown.period(
            pd.Timestamp(days["first_day"].min()).date() if len(days) else today,
            pd.Timestamp(days["last_day"].max()).date() if len(days) else today,
            "Close date of won and lost deals",
            "sales_period",
        )
    where: dict[str, list[object]] = {"currency": [currency]}
    if systems:
        where["opportunity__source_system"] = list(systems)
    _tiles(where, since, until, currency)
    left, right = st.columns(2)
    with left:
        _by_month(where, since, until, currency)
    with right:
        _by_stage(where, currency)
    _owners(where, since, until)
    _deals(where)


def _tiles(where: dict[str, list[object]], since: date, until: date, currency: str | None) -> None:
    open_now = shown.numbers(_OPEN, where=where).iloc[0]
    closed = shown.numbers(_CLOSED, where=where, since=since, until=until).iloc[0]
    shown.tiles(
        [
            ("pipeline", shown.money(open_now["pipeline"], currency)),
            ("expected_pipeline", shown.money(open_now["expected_pipeline"], currency)),
            ("open_opportunities", shown.count(open_now["open_opportunities"])),
            ("won_amount", shown.money(closed["won_amount"], currency)),
            ("win_rate", shown.share(closed["win_rate"])),
            ("sales_cycle", shown.days(closed["sales_cycle"])),
        ]
    )


def _by_month(where: dict[str, list[object]], since: date, until: date, currency: str | None) -> None:
    st.subheader("Won by month", anchor=False)
    months = shown.numbers(_CLOSED, ["metric_time__month"], where, since, until)
    months = months.dropna(subset=["metric_time__month"]).rename(columns={"metric_time__month": "month"})
    months = months[months["closed_opportunities"] > 0]
    if months.empty:
        shown.empty("No deal was won or lost in these days.", "Choose others above.")
        return
    won = months[["month", "won_amount", "won_opportunities"]].fillna({"won_amount": 0})
    shown.bars(won, shown.month_axis("month"), shown.amount_axis("won_amount", f"Won, {currency}"))


def _by_stage(where: dict[str, list[object]], currency: str | None) -> None:
    st.subheader("Pipeline by stage", anchor=False)
    stages = shown.numbers(_OPEN, ["opportunity__stage_position", "opportunity__stage"], where)
    stages = stages[stages["open_opportunities"] > 0].rename(columns={"opportunity__stage": "stage"})
    if stages.empty:
        shown.empty("No deal is open.", "Choose another currency or CRM above.")
        return
    stages = stages.sort_values("opportunity__stage_position", na_position="last", kind="stable")
    shown.bars(
        stages[["stage", "pipeline", "open_opportunities"]],
        alt.X("pipeline:Q", title=f"Pipeline, {currency}", axis=alt.Axis(format="~s")),
        alt.Y("stage:N", sort=list(stages["stage"]), title=None),
    )
    unmapped = stages.loc[stages["stage"] == _UNMAPPED, "open_opportunities"].sum()
    if unmapped:
        st.caption(
            f"{shown.count(unmapped)} open deals are in stages that `seeds/sales/stage_mapping.csv` does not have."
        )


def _owners(where: dict[str, list[object]], since: date, until: date) -> None:
    st.subheader("By owner", anchor=False)
    owners = shown.numbers([*_CLOSED], ["opportunity__owner_id"], where, since, until)
    owners = owners[owners["closed_opportunities"] > 0].sort_values("won_amount", ascending=False, na_position="last")
    shown.listed(
        owners.head(shown.MOST_ROWS),
        "owners",
        {
            "opportunity__owner_id": "Owner",
            "won_amount": shown.money_column("Won"),
            "won_opportunities": "Won deals",
            "closed_opportunities": "Closed deals",
            "win_rate": shown.share_column("Win rate"),
            "sales_cycle": st.column_config.NumberColumn("Sales cycle, days", format="%.1f"),
        },
    )


def _deals(where: dict[str, list[object]]) -> None:
    st.subheader("Largest open deals", anchor=False)
    conditions, params = ["currency = ?"], list[Any](where["currency"])
    if systems := where.get("opportunity__source_system"):
        conditions.append(f"source_system in ({', '.join('?' for _ in systems)})")
        params += systems
    deals = shown.rows(
        "select opportunity_name, stage, stage_name, amount, probability, close_on, source_system, owner_id,"
        f" customer_id, opportunity_key from {table('marts', 'fct_opportunities')}"
        f" where not is_deleted and not is_closed and {' and '.join(conditions)}"
        f" order by amount desc nulls last, opportunity_key limit {shown.MOST_ROWS}",
        params,
    )
    shown.listed(
        deals,
        "open_deals",
        {
            "opportunity_name": "Deal",
            "stage": "Stage",
            "stage_name": "Stage in the CRM",
            "amount": shown.money_column("Amount"),
            "probability": shown.share_column("Probability"),
            "close_on": shown.date_column("Expected close"),
            "source_system": "CRM",
            "owner_id": "Owner",
            "customer_id": "Customer",
            "opportunity_key": None,
        },
    )
