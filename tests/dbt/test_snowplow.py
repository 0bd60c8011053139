"""A peer's expectations: Snowplow's own test events give its page views and sessions, each difference named.

Snowplow takes the session that its tracker says; ours are made of the times of a visitor's calls, for no other tracker
says one. The data is the browser events of snowplow/dbt-snowplow-web (Apache-2.0), read where it lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.dbt.session_rules import warehouse
from tests.dbt.snowplow import EXPECTED_SESSIONS, EXPECTED_VIEWS, WebEvent, read, web_events
from tests.needs import published_data

pytestmark = [pytest.mark.timeout(600)]

ASKED = (
    "select message_id, page_url, page_title, page_referrer, viewed_at, session_id, view_number, views_in_session"
    " from scratch.fct_page_views",
    "select session_id, landing_url, exit_url, exit_title, referrer, number_of_calls, number_of_views, started_at,"
    " ended_at from scratch.fct_sessions",
    "select message_id, session_id from scratch.fct_events",
)
# Page views of ours that Snowplow does not expect, by the session its tracker gave them, and why.
ONLY_OURS = {
    "e79711": "its page view has no id; for us the call has one",
    "7edb16": "it came more than three days after it happened, which Snowplow's window leaves out; we take it",
    "760534": "two calls of one page view id are one page view to Snowplow; to us each page call is one",
    "d21c00": "months later; Snowplow cuts a session off after three days and drops what follows",
    "2bfc2c": "the same: later than three days after the session began",
}
# Sessions that Snowplow expects and we cut otherwise, by the tracker's session.
CUT_OTHERWISE = {
    "540b6c": "a tracker that went on for three days: two pauses of a day are three sessions of ours",
    "2bfc2c": "the same, ten pauses of a day; Snowplow ends it after three days and keeps what came before",
    "6f19f1": "two trackers' sessions of one browser at the same time: one session of ours",
    "df2bf4": "the other of the two",
    "cde5b9": "two at the same time, like the above",
    "93c111": "the other of the two",
    "067bcc": "the campaign changes on the way, which begins a session of ours (session_new_campaign)",
    "760534": "a page view that Snowplow takes for a repetition of another, see above",
}
# Snowplow drops these calls altogether; they are sessions of ours.
DROPPED = {
    "": "no session id from the tracker",
    "e79711": "no page view id, see above",
    "7edb16": "came too late, see above",
    "d21c00": "what follows after three days, see above",
    "2bfc2c": "what follows after three days, see above",
}
# A page ping says that a page was looked at in the five seconds before: a session that begins with one begins earlier.
HEARTBEAT = timedelta(seconds=5)

Rows = list[list[Any]]


@pytest.fixture(scope="module")
def events() -> dict[str, WebEvent]:
    return {event.fields["event_id"]: event for event in web_events(published_data())}


@pytest.fixture(scope="module")
def built(events: dict[str, WebEvent], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Rows]]:
    for store in warehouse("duckdb", tmp_path_factory.mktemp("snowplow")):
        yield store.build(list(events.values()), *ASKED)


def trackers(event: WebEvent) -> str:
    return event.fields["domain_sessionid"][:6]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_page_views_are_those_that_snowplow_expects(built: list[Rows], events: dict[str, WebEvent]) -> None:
    ours = {row[0]: row[1:] for row in built[0]}
    expected = {row["event_id"]: row for row in read(published_data(), EXPECTED_VIEWS)}
    assert len(expected) == 43
    assert set(expected) <= set(ours)
    for name, view in expected.items():
        url, title, referrer, viewed_at, *_ = ours[name]
        assert (url, title, referrer or "") == (view["page_url"], view["page_title"], view["page_referrer"])
        assert moment(viewed_at) == moment(view["start_tstamp"])
    more = set(ours) - set(expected)
    assert {trackers(events[name]) for name in more} == set(ONLY_OURS)
    assert len(more) == 6
    # Where sessions are cut alike, a page has the same place in its session; pages of one moment stand in either order.
    moments = Counter((view["domain_sessionid"], view["start_tstamp"]) for view in expected.values())
    for name, view in expected.items():
        alone = moments[view["domain_sessionid"], view["start_tstamp"]] == 1
        if alone and trackers(events[name]) not in CUT_OTHERWISE:
            place = (str(ours[name][-2]), str(ours[name][-1]))
            assert place == (view["page_view_in_session_index"], view["page_views_in_session"]), name


def test_sessions_are_those_that_snowplow_expects(built: list[Rows], events: dict[str, WebEvent]) -> None:
    ours = {row[0]: row[1:] for row in built[1]}
    theirs: dict[str, set[str]] = {}
    for message, session in built[2]:
        theirs.setdefault(session, set()).add(events[message].fields["domain_sessionid"])
    expected = {row["original_domain_sessionid"]: row for row in read(published_data(), EXPECTED_SESSIONS)}
    assert len(expected) == len(read(published_data(), EXPECTED_SESSIONS))
    alike = 0
    for session, names in theirs.items():
        if len(names) > 1 or not names <= set(expected) or next(iter(names))[:6] in {*CUT_OTHERWISE, "d21c00"}:
            continue
        (name,) = names
        peer = expected[name]
        landing, exit_url, exit_title, referrer, calls, views, started_at, ended_at = ours[session]
        begins_with_ping = events[session].fields["event_name"] == "page_ping"
        assert moment(peer["start_tstamp"]) == moment(started_at) - (HEARTBEAT if begins_with_ping else timedelta(0))
        assert moment(peer["end_tstamp"]) == moment(ended_at)
        # A page that is only pinged counts as viewed again to Snowplow; to us a view is a call.
        assert (str(calls), str(views + begins_with_ping)) == (peer["total_events"], peer["page_views"]), name
        if views:
            assert (landing, exit_url, exit_title) == (
                peer["first_page_url"], peer["last_page_url"], peer["last_page_title"]
            )  # fmt: skip
            assert (referrer or "") == peer["referrer"]
        alike += 1
    assert alike == len({name for name in expected if name[:6] not in {*CUT_OTHERWISE, "d21c00"}})
    # The first day of the one that a tracker went on with for months is alike too.
    (first,) = (ours[session] for session, names in theirs.items() if ours[session][-1].startswith("2020-07-03"))
    (peer,) = (row for name, row in expected.items() if name.startswith("d21c00"))
    assert (str(first[4]), str(first[5]), moment(first[6])) == ("1", "1", moment(peer["start_tstamp"]))


def test_every_other_session_has_a_reason(built: list[Rows], events: dict[str, WebEvent]) -> None:
    expected = {row["original_domain_sessionid"][:6] for row in read(published_data(), EXPECTED_SESSIONS)}
    by_tracker: dict[str, set[str]] = {}
    for message, session in built[2]:
        event = events[message]
        # Consent events belong to models of Snowplow's that make no sessions of them in this data.
        if event.fields["app_id"] != "consent_accel":
            by_tracker.setdefault(event.fields["domain_sessionid"], set()).add(session)
    unexpected = {tracker[:6] for tracker in by_tracker} - expected
    assert unexpected == {"", "e79711", "7edb16"} == set(DROPPED) - expected
    several = {tracker[:6]: len(its) for tracker, its in by_tracker.items() if len(its) > 1}
    assert several == {"540b6c": 3, "2bfc2c": 11, "067bcc": 2, "d21c00": 2}
    shared = {
        tracker[:6]
        for tracker, its in by_tracker.items()
        for other in by_tracker
        if other != tracker and its & by_tracker[other]
    }
    assert shared == {"6f19f1", "df2bf4", "cde5b9", "93c111"}
    assert set(several) | shared | {"760534"} == {*CUT_OTHERWISE, "d21c00"}
