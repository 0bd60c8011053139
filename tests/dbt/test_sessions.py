"""Sessions built call by call, in whatever order, are those of one build of all; only what a call touches is anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt.session_rules import PRODUCT, Call, Warehouse, sessions, warehouse

pytestmark = [pytest.mark.timeout(900)]

OF_EVENTS = (
    "select session_id, message_id, call_number from scratch.fct_events where session_id is not null order by 1, 3"
)
ALL = (
    OF_EVENTS,
    "select session_id, visitor_key, user_id, anonymous_id, landing_url, exit_url, campaign_name, number_of_calls,"
    " number_of_views, started_at, ended_at, is_opened_by_campaign from scratch.fct_sessions order by session_id",
    "select message_id, session_id, view_number, views_in_session, is_exit, seconds_until_next_call"
    " from scratch.fct_page_views order by message_id",
)
NUMBERS = (
    "select max(read_number) from scratch.int_product__session_events",
    "select max(written_number) from scratch.int_product__session_events",
    "select max(read_number) from scratch.int_product__sessions",
    "select max(written_number) from scratch.int_product__events",
)
WRITTEN = (
    "select session_id from scratch.int_product__sessions"
    " where not is_gone and read_number = (select max(read_number) from scratch.int_product__sessions) order by 1"
)


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    yield from warehouse(request.param, tmp_path_factory.mktemp("sessions"), midnight=True, offset=30)


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    models = (*PRODUCT, "fct_engagement")
    yield from warehouse("duckdb", tmp_path_factory.mktemp("duck"), midnight=True, offset=30, models=models)


def found(rows: Sequence[Sequence[Any]]) -> set[tuple[str, ...]]:
    """Sessions by the names of their calls, each named for the first."""
    by_session: dict[str, list[str]] = {}
    for session, message, number in rows:
        by_session.setdefault(session, []).append(message)
        assert number == len(by_session[session])
    assert all(session == names[0] for session, names in by_session.items())
    return {tuple(names) for names in by_session.values()}


def rules(calls: Sequence[Call]) -> set[tuple[str, ...]]:
    return sessions(calls, midnight=True, offset=30)


# By the clock of the rules, UTC and 30 minutes, midnight is 90 minutes after the start.
minutes = st.sampled_from([0, 0.5, 10, 29, 30, 30.02, 59, 60, 61, 75, 89, 90, 91, 105, 120, 121, 150])
# In which landing a call comes, and in which it is erased or set aside, if at all; what was set aside returns later.
fates = st.sampled_from([(None, None), (None, None), (None, None), ("erased", 1), ("aside", 1), ("aside", 2)])
drafts = st.lists(
    st.tuples(
        minutes,
        st.sampled_from(["d", "e", None]),
        st.sampled_from([None, None, "u", "d"]),
        st.sampled_from(["page", "track", "identify", "group"]),
        st.sampled_from([None, None, "a", "b"]),
        st.integers(0, 2),
        fates,
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(drafted=drafts, midnight=st.booleans())
def test_any_split_and_order_of_the_same_calls_gives_the_sessions_of_one_build(
    duck: Warehouse, drafted: list[tuple[Any, ...]], midnight: bool
) -> None:
    drawn = [
        (Call(f"m{number}", minute, device, user, kind, campaign, landed), *fate)
        for number, (minute, device, user, kind, campaign, landed, fate) in enumerate(drafted)
    ]
    variables = {"session_midnight": midnight}
    duck.build([], full_refresh=True, variables=variables)
    # Landed in whatever order the number says; each build sees what has landed up to then and is still there.
    for landing in range(3):
        so_far = [
            replace(call, set_aside=fate == "aside" and at == landing)
            for call, fate, at in drawn
            if call.landed <= landing and not (fate == "erased" and at <= landing)
        ]
        kept = duck.build(so_far, *ALL, variables=variables)
        assert found(kept[0]) == sessions(so_far, midnight=midnight, offset=30)
    assert duck.build(None, *ALL, full_refresh=True, variables=variables) == kept


EVENING = [
    Call("a1", 0),
    Call("a2", 20),
    Call("b1", 80),
    Call("c1", 300, campaign="x"),
    Call("other", 40, device="e"),
]


def test_a_late_call_re_opens_the_sessions_it_touches_and_no_others(built: Warehouse) -> None:
    built.build([], full_refresh=True)
    assert found(built.build(EVENING, OF_EVENTS)[0]) == {("a1", "a2"), ("b1",), ("c1",), ("other",)}
    # Between two sessions: joined; the other device and the session hours later are not looked at.
    late = [*EVENING, Call("late", 50, landed=1)]
    calls, written = built.build(late, OF_EVENTS, WRITTEN)
    assert found(calls) == rules(late) == {("a1", "a2", "late", "b1"), ("c1",), ("other",)}
    assert written == [["a1"]]
    # Before the first: the session is named for it. Days late.
    earlier = [*late, Call("first", -10, landed=100)]
    calls, written = built.build(earlier, OF_EVENTS, WRITTEN)
    assert found(calls) == rules(earlier)
    assert written == [["first"]]
    # Nothing new, nothing written.
    before = built.build(earlier, *NUMBERS, OF_EVENTS, WRITTEN)
    assert before[-2:] == [calls, written]
    assert built.build(earlier, *NUMBERS, OF_EVENTS, WRITTEN) == before


def test_a_late_campaign_divides_what_came_long_after_it(built: Warehouse) -> None:
    stretch = [Call(f"s{number}", number * 15) for number in range(5)]
    calls = [*stretch, Call("turn", 75, campaign="b"), Call("aside", 75, device="e")]
    built.build([], full_refresh=True)
    assert found(built.build(calls, OF_EVENTS)[0]) == rules(calls)
    late = [*calls, Call("late", 5, campaign="b", landed=1)]
    now, written = built.build(late, OF_EVENTS, WRITTEN)
    assert found(now) == rules(late) == {("s0",), ("late", "s1", "s2", "s3", "s4", "turn"), ("aside",)}
    assert written == [["late"], ["s0"]]


def test_calls_that_are_set_aside_removed_or_returned_change_their_sessions(built: Warehouse) -> None:
    built.build([], full_refresh=True)
    built.build(EVENING)
    for changed in (
        # What held a session together is set aside, what opened one too, and one is erased.
        [replace(call, set_aside=call.name in ("a1", "c1")) for call in EVENING],
        [replace(call, set_aside=call.name in ("a1", "c1")) for call in EVENING if call.name != "b1"],
        # One goes and one returns in the same landing.
        [replace(call, set_aside=call.name == "a2") for call in EVENING if call.name != "b1"],
        EVENING,
    ):
        assert found(built.build(changed, OF_EVENTS)[0]) == rules(changed)


def test_a_user_id_that_becomes_nobodys_ends_its_sessions_and_comes_back(built: Warehouse) -> None:
    calls = [
        Call("a", 0, user="guest"),
        Call("b", 5, user="u"),
        Call("c", 6, user="guest"),
        Call("n", 0, None, "guest"),
    ]
    users = "select session_id, user_id from scratch.fct_sessions order by 1"
    built.build([], full_refresh=True)
    assert built.build(calls, users) == [[["a", "guest"], ["n", "guest"]]]
    assert built.build(calls, users, first=["insert into scratch.placeholders values ('guest')"]) == [[["a", "u"]]]
    assert built.build(calls, users, first=["delete from scratch.placeholders"]) == [[["a", "guest"], ["n", "guest"]]]


def test_events_that_were_made_anew_are_sessions_of_today(built: Warehouse) -> None:
    built.build([], full_refresh=True)
    built.build(EVENING)
    calls = [*EVENING[1:], Call("new", 10)]
    dropped = built.build(calls, *ALL, first=["drop table scratch.int_product__events"])
    assert found(dropped[0]) == rules(calls)
    assert built.build(None, *ALL, full_refresh=True) == dropped


def test_anonymous_history_is_the_customers_however_late_the_link_appears(built: Warehouse) -> None:
    customers = "select session_id, customer_id from scratch.fct_sessions order by 1"
    events = "select distinct customer_id from scratch.fct_events where anonymous_id = 'd'"
    built.build([], full_refresh=True)
    linked = ["insert into scratch.xref values ('segment:anonymous:d', 'cus_1')"]
    assert built.build(EVENING, customers, events)[1] == [[None]]
    rows, of_events = built.build(EVENING, customers, events, first=linked)
    assert rows == [["a1", "cus_1"], ["b1", "cus_1"], ["c1", "cus_1"], ["other", None]]
    assert of_events == [["cus_1"]]
    built.build(EVENING, first=["delete from scratch.xref"])


def test_other_rules_make_all_anew_once_and_back_again_too(duck: Warehouse) -> None:
    calls = [Call("a", 0), Call("b", 25), Call("went", 200)]
    there = [replace(call, set_aside=call.name == "went") for call in calls]
    shorter = {"session_gap_minutes": 20}
    duck.build([], full_refresh=True)
    duck.build(calls)
    # What went keeps the rules of when it went.
    assert found(duck.build(there, OF_EVENTS)[0]) == {("a", "b")}
    cut = duck.build(there, OF_EVENTS, *NUMBERS, variables=shorter)
    assert found(cut[0]) == {("a",), ("b",)} == sessions(there, midnight=True, offset=30, gap=20)
    assert duck.build(there, OF_EVENTS, *NUMBERS, variables=shorter) == cut
    assert found(duck.build(there, OF_EVENTS)[0]) == {("a", "b")}


def test_one_that_is_erased_and_one_that_returns_in_the_same_landing_are_noticed(duck: Warehouse) -> None:
    duck.build([], full_refresh=True)
    aside = [replace(call, set_aside=call.name == "c1") for call in EVENING]
    assert found(duck.build(aside, OF_EVENTS)[0]) == rules(aside)
    now = [call for call in EVENING if call.name != "b1"]
    assert found(duck.build(now, OF_EVENTS)[0]) == rules(now) == {("a1", "a2"), ("c1",), ("other",)}


def test_sessions_of_one_who_left_go_when_what_they_are_made_of_was_made_anew(duck: Warehouse) -> None:
    duck.build([], full_refresh=True)
    duck.build(EVENING)
    left = [call for call in EVENING if call.device == "e"]
    for calls in (left, []):
        duck.build(calls, full_refresh=True, select=["int_product__events", "int_product__session_events"])
        kept = duck.build(None, *ALL)
        assert [row[0] for row in kept[1]] == [call.name for call in calls]
        assert duck.build(None, *ALL) == kept


@pytest.mark.parametrize("names", [("a1",), ("a2",), ("a1", "a2", "b1", "c1")], ids="-".join)
def test_a_call_that_is_another_visitors_now_leaves_the_one_before(duck: Warehouse, names: Sequence[str]) -> None:
    duck.build([], full_refresh=True)
    duck.build(EVENING)
    changed = [replace(call, device="f", landed=1) if call.name in names else call for call in EVENING]
    kept = duck.build(changed, *ALL)
    assert found(kept[0]) == rules(changed)
    assert {row[0]: row[7] for row in kept[1]} == {names[0]: len(names) for names in rules(changed)}
    assert duck.build(None, *ALL, full_refresh=True) == kept


def test_kept_keys_do_not_change_with_the_warehouses_version(duck: Warehouse) -> None:
    numbers = (
        "select visitor_number, message_number from scratch.int_product__events",
        "select visitor_number, campaign_number from scratch.int_product__session_events",
    )
    rows = duck.build([Call("m", 0, campaign="x")], *numbers, full_refresh=True)
    visitor, message, campaign = (
        int(hashlib.md5(text.encode()).hexdigest()[:16], 16) for text in ("segment:anonymous:d", "m", "||x||")
    )
    assert rows == [[[visitor, message]], [[visitor, campaign]]]


def test_a_wrong_clock_takes_no_day_from_the_active_ones(duck: Warehouse) -> None:
    day = 24 * 60
    days = [-20_000, -19_960, 0, 2, 11]
    calls = [Call(f"c{number}", number * day) for number in days]
    linked = ["insert into scratch.xref values ('segment:anonymous:d', 'cus_1')"]
    active = "select active_on from scratch.fct_engagement where daily_active_customers = 1 order by 1"
    counts = (
        "select weekly_active_customers, monthly_active_customers from scratch.fct_engagement order by active_on desc"
        " limit 13"
    )
    rows = duck.build(calls, active, counts, full_refresh=True, first=linked)
    duck.build([], first=["delete from scratch.xref"])
    assert [row[0] for row in rows[0]] == [str(call.at.date()) for call in calls]
    assert rows[1] == [[1, 1], [0, 1], [0, 1], *[[1, 1]] * 9, [0, 0]]


def test_a_page_is_told_by_its_properties_where_a_server_sends_it(duck: Warehouse) -> None:
    told = {"url": "https://shop.example/p?q=1", "path": "/p", "title": "P", "name": "Product"}
    calls = [
        Call("server", 0, properties=told),
        Call("browser", 1, properties={"title": ""}),
        Call("track", 2, kind="track", event="Clicked", properties=told),
        Call("screen", 3, kind="screen", properties={"name": "Home"}),
    ]
    asked = "select message_id, event_name, page_url, page_path, page_title from scratch.fct_events order by 1"
    assert duck.build(calls, asked, full_refresh=True) == [
        [
            ["browser", None, "/browser", None, "browser"],
            ["screen", "Home", "/screen", None, "screen"],
            ["server", "Product", "https://shop.example/p?q=1", "/p", "P"],
            ["track", "Clicked", "/track", None, "track"],
        ]
    ]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"session_gap_minutes": 0}, "session_gap_minutes is 0; it must be a whole number of minutes, 1 or more."),
        ({"session_gap_minutes": "30"}, "session_gap_minutes is 30; it must be a whole number of minutes, 1 or more."),
        ({"session_gap_minutes": 1.5}, "session_gap_minutes is 1.5; it must be a whole number of minutes, 1 or more."),
        ({"session_utc_offset_minutes": "late"}, "session_utc_offset_minutes is late; it must be a whole number"),
        ({"session_utc_offset_minutes": -30, "session_gap_minutes": 1}, None),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:28],
)
def test_rules_that_make_no_sense_are_refused(duck: Warehouse, variables: dict[str, Any], said: str | None) -> None:
    refused = duck.refusals(variables, "int_product__events", "int_product__session_events")
    assert len(refused) == (said is not None)
    assert all(str(said) in " ".join(message.split()) for message in refused)
