"""Pipeline health: how fresh, how proven, what was set aside, what changed, what the identity graph did."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import shown
from dashboard.data import table
from dashboard.reading import exists, objects

# An object whose last success is older is late, in hours; the day's run and some.
_LATE_HOURS = 30


@st.cache_data(show_spinner=False, max_entries=4, ttl=3600)
def _objects(version: str) -> pd.DataFrame:
    return pd.DataFrame([vars(one) for one in objects(shown.source())])


def show() -> None:
    """The page."""
    shown.heading("Pipeline health", "What extraction and the builds wrote in their books. Times are UTC.")
    found = _objects(shown.source().version())
    if found.empty:
        shown.empty("Nothing was extracted yet.", "Start with `braid extract SOURCE`.")
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    found["hours_since_success"] = [
        None if pd.isna(moment) else (now - moment).total_seconds() / 3600 for moment in found["last_success_at"]
    ]
    changes = _changes()
    gate = shown.rows(
        "select measure, measured, most, approved_most, is_over"
        f" from {table('identity', 'identity_gate')} order by measure"
    )
    shown.tiles(
        [
            ("Objects", shown.count(len(found))),
            ("Failed in the last run", shown.count((found["last_status"] == "failed").sum())),
            (f"Older than {_LATE_HOURS} h", shown.count((~(found["hours_since_success"] <= _LATE_HOURS)).sum())),
            ("Open windows", shown.count(found["open_windows"].sum())),
            ("Rows in quarantine", shown.count(found["quarantined"].sum())),
            ("Identity graph", "held" if gate["is_over"].any() else "published"),
        ]
    )
    freshness, quarantine, schema, identity, tests = st.tabs(
        ["Freshness and proof", "Quarantine", "Schema changes", "Identity", "Test history"]
    )
    with freshness:
        _freshness(found)
    with quarantine:
        _quarantine()
    with schema:
        _schema(changes)
    with identity:
        _identity(gate)
    with tests:
        _tests()


def _freshness(found: pd.DataFrame) -> None:
    sources = st.multiselect("Source", sorted(found["source"].unique()), placeholder="All", key="health_sources")
    chosen = found[found["source"].isin(sources)] if sources else found
    shown.listed(
        chosen[
            ["source", "object", "proven_to", "proof", "rows", "last_run_at", "last_status", "last_rows_landed",
             "hours_since_success", "open_windows", "quarantined", "last_error"]
        ],
        "freshness",
        {
            "source": "Source",
            "object": "Object",
            "proven_to": shown.time_column("Proven up to"),
            "proof": "Proof",
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "last_run_at": shown.time_column("Last run"),
            "last_status": "Status",
            "last_rows_landed": st.column_config.NumberColumn("Landed", format="localized"),
            "hours_since_success": st.column_config.NumberColumn("Hours since success", format="%.1f"),
            "open_windows": "Open windows",
            "quarantined": "Quarantined",
            "last_error": "Error",
        },
    )  # fmt: skip


def _quarantine() -> None:
    found = shown.rows(
        "select source, object, rule, status, count(*) as number_of_rows, min(quarantined_at) as first_at,"
        " max(quarantined_at) as last_at, min(reason) as example from ops.quarantine"
        f" group by source, object, rule, status order by number_of_rows desc, 1, 2, 3, 4 limit {shown.MOST_ROWS}"
    )
    if found.empty:
        shown.empty("Nothing was ever set aside.", "Rows that break an expectation would show here.")
        return
    shown.listed(
        found,
        "quarantine",
        {
            "source": "Source",
            "object": "Object",
            "rule": "Rule",
            "status": "Status",
            "number_of_rows": "Rows",
            "first_at": shown.time_column("First"),
            "last_at": shown.time_column("Last"),
            "example": "For example",
        },
    )


def _changes() -> pd.DataFrame:
    return shown.rows(
        "select noticed_at, source, object, column_name, change, old_type, new_type, severity, is_accepted"
        f" from {table('staging', 'int_ops__judged_schema_changes')} where severity <> 'ignore'"
        f" order by noticed_at desc, source, object, column_name, change limit {shown.MOST_ROWS}"
    )


def _schema(changes: pd.DataFrame) -> None:
    if changes.empty:
        shown.empty("No source changed its columns.", "Changes that contracts/schema_changes.yml ignores are left out.")
        return
    shown.listed(
        changes,
        "schema_changes",
        {
            "noticed_at": shown.time_column("Noticed"),
            "source": "Source",
            "object": "Object",
            "column_name": "Column",
            "change": "Change",
            "old_type": "Before",
            "new_type": "Now",
            "severity": "Severity",
            "is_accepted": "Accepted",
        },
    )


def _identity(gate: pd.DataFrame) -> None:
    if gate["is_over"].any():
        st.warning("The gate holds the newest graph; see `braid identity diff`.", icon=":material/pan_tool:")
    left, right = st.columns(2)
    with left:
        st.subheader("What the last build's graph measures", anchor=False)
        shown.listed(gate, "identity_gate", {"measure": "Measure", "measured": "Measured", "most": "Limit",
                                             "approved_most": "Approved up to", "is_over": "Over"})  # fmt: skip
    with right:
        st.subheader("Builds that changed the graph", anchor=False)
        builds = shown.rows(
            "select built_at, number_of_customers, largest_records, number_of_decisions"
            f" from {table('identity', 'identity_builds')} order by build_number desc limit {shown.MOST_ROWS}"
        )
        shown.listed(builds, "identity_builds", {"built_at": shown.time_column("Built"),
                     "number_of_customers": "Customers", "largest_records": "Records of the largest",
                     "number_of_decisions": "Decisions"}, height=240)  # fmt: skip
    st.subheader("What it changed", anchor=False)
    diff = shown.rows(
        "select change_type, customer_id, number_of_customers, records_before, records_after, identifier_type,"
        f" identifier_value, number_of_records, why, is_over from {table('identity', 'identity_diff')}"
        f" order by is_over desc, number_of_records desc nulls last, change_type, cluster_key limit {shown.MOST_ROWS}"
    )
    if diff.empty:
        shown.empty("The last build merged, split and grew nobody.", "What a build changes shows here.")
        return
    shown.listed(
        diff,
        "identity_diff",
        {
            "change_type": "Change",
            "customer_id": "Customer",
            "number_of_customers": "Customers",
            "records_before": "Records before",
            "records_after": "Records after",
            "identifier_type": "By",
            "identifier_value": "Value",
            "number_of_records": "Records tied",
            "why": "Why",
            "is_over": "Over a limit",
        },
    )


def _tests() -> None:
    results = table("ops", "dbt_results")
    if not exists(shown.source(), "ops", "dbt_results") or (runs := _runs(results)).empty:
        shown.empty("This warehouse keeps no results of tests yet.", "The next `braid build` writes them.")
        return
    st.subheader("How tests stand", anchor=False)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    status = table("staging", "ops_test_status")
    owners = shown.rows(f"select distinct owner from {status} where owner is not null order by owner")
    chosen = left.multiselect("Owner", list(owners["owner"]), placeholder="All", key="health_owners")
    conditions = ["1 = 1"]
    if not right.toggle("Those that pass, too", key="health_passed"):
        conditions.append("(last_status <> 'pass' or is_flaky)")
    if chosen:
        conditions.append(f"owner in ({', '.join('?' for _ in chosen)})")
    standing = shown.rows(
        "select test_name, tested_node, owner, severity, last_status, last_failures, bad_since, last_run_at, is_flaky,"
        f" recent_bad_runs, recent_runs from {status} where {' and '.join(conditions)}"
        " order by case when last_status <> 'pass' then 0 when is_flaky then 1 else 2 end, severity,"
        f" last_failures desc nulls last, test_name, test_id limit {shown.MOST_ROWS}",
        chosen,
    )
    if standing.empty:
        shown.empty("Every one of these tests passed last, and none wavers.", "What fails, warns or wavers shows here.")
    else:
        shown.listed(
            standing,
            "tests",
            {
                "test_name": "Test",
                "tested_node": "Tests",
                "owner": "Owner",
                "severity": "Severity",
                "last_status": "Last status",
                "last_failures": "Rows",
                "bad_since": shown.time_column("Not green since"),
                "last_run_at": shown.time_column("Last run"),
                "is_flaky": "Wavers",
                "recent_bad_runs": "Not green of late",
                "recent_runs": "Runs of late",
            },
        )
    st.subheader("Runs", anchor=False)
    wide = runs.pivot_table(index="invoked_at", columns="status", values="tests", fill_value=0).reset_index()
    shown.listed(wide.sort_values("invoked_at", ascending=False), "test_runs",
                 {"invoked_at": shown.time_column("Run")}, height=240)  # fmt: skip


def _runs(results: str) -> pd.DataFrame:
    """How many tests of a run ended how."""
    return shown.rows(
        f"select invoked_at, status, count(*) as tests from {results} where kind = 'test'"
        " group by invoked_at, status order by invoked_at desc, status limit 200"
    )
