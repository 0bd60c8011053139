"""Customer 360: find somebody, see what is known of them, since when, and why it is one person."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import shown
from dashboard.data import table
from dashboard.reading import answer

_MOST_FOUND = 50
_MOST_MOMENTS = 300


def show() -> None:
    """The page."""
    shown.heading("Customer 360", "Everything known of a customer, and why it is one. These are personal data.")
    asked = st.text_input(
        "Search",
        st.query_params.get("customer", ""),
        placeholder="Name, email, phone, company or customer id",
        help="Any part of it, in capitals or not.",
    ).strip()
    if not asked:
        _latest()
        return
    found = _found(asked)
    if found.empty:
        shown.empty(f"No customer is found by “{asked}”.", "Try a part of the name, or the start of the address.")
        return
    chosen = found.iloc[0]
    if len(found) > 1:
        more = f"the first {_MOST_FOUND}" if len(found) == _MOST_FOUND else f"{len(found)}"
        names = {row["customer_id"]: _called(row) for _, row in found.iterrows()}
        one = st.selectbox(f"Found {more}", list(names), format_func=lambda key: names[key])
        chosen = found[found["customer_id"] == one].iloc[0]
    _customer(str(chosen["customer_id"]))


def _called(row: pd.Series) -> str:
    known = [row["full_name"], row["email"], row["company"], row["customer_id"]]
    return " · ".join(str(one) for one in known if isinstance(one, str) and one)


def _found(asked: str) -> pd.DataFrame:
    """Customers by an exact id first, then those with most to them."""
    plain = asked.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    fields = ("full_name", "email", "phone", "company")
    likes = " or ".join(f"lower({field}) like ? escape '!'" for field in fields)
    return shown.rows(
        f"select customer_id, full_name, email, company from {table('marts', 'customer_360')}"
        f" where customer_id = ? or {likes}"
        " order by case when customer_id = ? then 0 when lower(email) = ? then 1 else 2 end,"
        f" last_activity_at desc nulls last, customer_id limit {_MOST_FOUND}",
        [asked, *(f"%{plain}%" for _ in fields), asked, asked.lower()],
    )


def _latest() -> None:
    st.subheader("Active most recently", anchor=False)
    latest = shown.rows(
        "select full_name, email, company, country, lifetime_value, order_currency, pipeline_value,"
        f" opportunity_currency, last_activity_at, customer_id from {table('marts', 'customer_360')}"
        " where is_identified order by last_activity_at desc nulls last, customer_id limit 25"
    )
    if latest.empty:
        shown.empty("No customer is known by name yet.", "Run `braid extract SOURCE`, then `braid build`.")
        return
    shown.listed(
        latest,
        "customers",
        {
            "full_name": "Name",
            "email": "Email",
            "company": "Company",
            "country": "Country",
            "lifetime_value": shown.money_column("Lifetime value"),
            "order_currency": "Currency",
            "pipeline_value": shown.money_column("Pipeline"),
            "opportunity_currency": "Currency ",
            "last_activity_at": shown.time_column("Last activity"),
            "customer_id": "Customer",
        },
    )


def _customer(customer_id: str) -> None:
    who = shown.rows(f"select * from {table('marts', 'customer_360')} where customer_id = ?", [customer_id]).iloc[0]
    score = shown.rows(
        f"select probability_alive, expected_value, currency from {table('marts', 'customer_value_scores')}"
        " where customer_id = ?",
        [customer_id],
    )
    st.subheader(who["full_name"] or who["email"] or "Somebody without a name", anchor=False)
    st.caption(" · ".join(str(one) for one in (who["company"], who["country"], customer_id) if one))
    alive = score["probability_alive"].iloc[0] if len(score) else None
    shown.tiles(
        [
            ("Lifetime value", shown.money(who["lifetime_value"], who["order_currency"])),
            ("Orders", shown.count(who["number_of_orders"])),
            ("Pipeline", shown.money(who["pipeline_value"], who["opportunity_currency"])),
            ("Won", shown.money(who["won_value"], who["opportunity_currency"])),
            ("Still a customer", shown.share(alive)),
            ("Last activity", _day(who["last_activity_at"])),
        ]
    )
    left_out = int(who["orders_in_other_currencies"]) + int(who["opportunities_in_other_currencies"])
    if left_out:
        st.caption(f"{left_out} orders and deals in other currencies are not in these amounts.")
    golden, timeline, graph = st.tabs(["Golden record", "Timeline", "Identity graph"])
    with golden:
        _golden(customer_id)
    with timeline:
        _timeline(customer_id)
    with graph:
        _graph(customer_id)


def _golden(customer_id: str) -> None:
    values = shown.rows(
        "select field, field_value, record_source, record_key, survivorship_rule, number_of_records,"
        f" number_of_lost_values, record_updated_at from {table('identity', 'customer_master_provenance')}"
        " where customer_id = ? order by field",
        [customer_id],
    )
    if values.empty:
        shown.empty("No record of this customer has a value.", "They are known by a device alone, or are deleted.")
        return
    shown.listed(
        values,
        "golden_record",
        {
            "field": "Field",
            "field_value": "Value",
            "record_source": "From",
            "record_key": "Record",
            "survivorship_rule": "Chosen as",
            "number_of_records": "Records that say it",
            "number_of_lost_values": "Other values",
            "record_updated_at": shown.time_column("Record changed"),
        },
    )


def _timeline(customer_id: str) -> None:
    amount = "cast(cast(amount as decimal(18, 2)) as varchar) || ' ' || coalesce(currency, '')"
    touches, orders = table("marts", "fct_touches"), table("marts", "fct_orders")
    deals = f"{table('marts', 'fct_opportunities')} where customer_id = ? and not is_deleted"
    moments = shown.rows(
        "select happened_at, kind, what, detail from ("
        " select touched_at as happened_at, touch_type as kind, channel as what,"
        f" coalesce(campaign_name, landing_url) as detail from {touches} where customer_id = ?"
        " union all select ordered_at, case when is_cancellation then 'cancellation' else 'order' end, order_id,"
        f" {amount} from {orders} where customer_id = ?"
        f" union all select created_at, 'deal opened', opportunity_name, {amount} from {deals}"
        " union all select coalesce(stage_entered_at, cast(close_on as timestamp)),"
        f" case when is_won then 'deal won' else 'deal lost' end, opportunity_name, {amount} from {deals} and is_closed"
        f" ) as moments where happened_at is not null order by happened_at desc, kind, what limit {_MOST_MOMENTS}",
        [customer_id] * 4,
    )
    if moments.empty:
        shown.empty("Nothing happened with this customer yet.", "Visits, orders and deals show here.")
        return
    moments["kind"] = moments["kind"].str.replace("_", " ")
    chart = alt.Chart(moments, height=38 * moments["kind"].nunique() + 50).mark_circle(size=80, opacity=0.7).encode(
        x=alt.X("happened_at:T", title=None),
        y=alt.Y("kind:N", title=None),
        color=alt.Color("kind:N", scale=alt.Scale(range=shown.COLOURS), legend=None),
        tooltip=[alt.Tooltip("happened_at:T", format="%Y-%m-%d %H:%M"), "kind", "what", "detail"],
    )  # fmt: skip
    st.altair_chart(chart, width="stretch")
    shown.listed(
        moments,
        "timeline",
        {"happened_at": shown.time_column("When"), "kind": "What", "what": "Which", "detail": "Detail"},
        height=320,
    )
    if len(moments) == _MOST_MOMENTS:
        st.caption(f"The last {_MOST_MOMENTS} moments.")


@st.cache_data(show_spinner=False, max_entries=50, ttl=3600)
def _drawn(version: str, customer_id: str) -> tuple[str, pd.DataFrame, str | None]:
    from orchestration.explain.drawing import drawn
    from orchestration.explain.facts import NotExplained
    from orchestration.explain.text import step_words, tie_words

    try:
        found = answer(shown.source(), customer_id)
    except NotExplained as error:
        return "", pd.DataFrame(), str(error)
    records = [
        {
            "record": member.record.record_key,
            "name": member.record.name,
            "tied": "the customer's id goes by it" if member.step is None else tie_words(member.step),
            "how": None if member.step is None else step_words(member.step),
            "created_at": member.record.created_at,
            "is_deleted": member.record.is_deleted,
        }
        for customer in found.customers
        for member in customer.members
    ]
    return drawn(found), pd.DataFrame(records), None


def _graph(customer_id: str) -> None:
    svg, records, why_not = _drawn(shown.source().version(), customer_id)
    if why_not:
        shown.empty(why_not, "The drawing needs identity's tables.")
        return
    st.image(svg, width="content")
    st.download_button(
        "Download SVG", svg.encode(), f"{customer_id}.svg", "image/svg+xml", icon=":material/download:", key="svg"
    )
    shown.listed(
        records,
        "records",
        {
            "record": "Record",
            "name": "Name",
            "tied": "Tied by",
            "how": "How",
            "created_at": shown.time_column("Created"),
            "is_deleted": "Deleted",
        },
    )


def _day(moment: object) -> str:
    return shown.NOTHING if pd.isna(moment) else f"{pd.Timestamp(moment):%Y-%m-%d}"
