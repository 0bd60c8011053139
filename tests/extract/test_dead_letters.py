"""Dead letters: a fix mends them, the same door judges them again, and each event lands exactly once."""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.fixing import Selection
from extract.breaker import Breaker, Tripped
from extract.dead_letters.letters import STATUSES, WAITING, groups, pages, waiting
from extract.dead_letters.replaying import try_out
from extract.dead_letters.settling import FixChanged
from extract.source import ConfigurationError
from tests.extract.dead_bench import FIX, PLAN, Post, call, collected, door, fix_of, parsed
from tests.extract.events_log import DAY, event

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def test_a_mended_letter_is_the_event_it_would_have_been(post: Post) -> None:
    sent = (DAY - timedelta(hours=1)).isoformat() + "Z"
    told = {"timestamp": (DAY - timedelta(hours=2)).isoformat() + "Z", "context": {"consent": {"ads": False}}}
    right = collected([call("m1", 12.5, **told)], seconds=7, sent=sent)
    post.deliver([call("m1", "12.5", **told)], seconds=7, sent=sent)
    assert post.query("select count(*) as n from raw_events.events") == [{"n": 0}]
    done = post.replay(fix_of())
    assert (done.landed, done.present, done.failed) == (1, 0, 0)
    (landed,) = post.query("select * from raw_events.events")

    there = Post(post.folder / "right")
    there.append([data for _, data in right.events])
    there.extract()
    (wanted,) = there.query("select * from raw_events.events")
    for row in (landed, wanted):
        del row["_run_id"], row["_extracted_at"]
        row["payload"] = json.loads(row["payload"])
    assert landed == wanted
    assert landed["timestamp"] == DAY - timedelta(hours=1) + timedelta(seconds=7)


def test_where_it_came_from_stays_known(post: Post) -> None:
    post.deliver([call("m1"), call("m2", True)])
    fix = fix_of()
    done = post.replay(fix)
    assert (done.landed, done.failed) == (1, 1)
    first, second = post.outcomes()
    assert (first["fix"], first["fix_version"], first["fix_digest"]) == ("total_as_number", 1, fix.digest)
    assert (first["status"], first["attempts"], first["failed_rule"]) == ("replayed", 1, None)
    assert (second["status"], second["failed_rule"], second["failed_path"]) == ("failed", "type", "properties.total")
    assert first["plan_version"] == door().plan_version
    (row,) = post.query(
        "select r.source, r.object, r.rows_read, r.rows_landed from raw_events.events as e"
        " inner join ops.extract_runs as r on r.run_id = e._run_id"
    )
    assert row == {"source": "dead_letters", "object": "replay", "rows_read": 2, "rows_landed": 1}
    # What was refused stays as it came.
    (kept,) = post.query("select payload from ops.dead_letters where message_id = 'm1'")
    assert json.loads(kept["payload"])["properties"]["total"] == "12.5"


def test_a_replay_again_finds_nothing_and_a_failed_one_counts_its_tries(post: Post) -> None:
    post.deliver([call("m1"), call("m2", True)])
    post.replay(fix_of())
    rows = post.query("select * from raw_events.events")
    again = post.replay(fix_of())
    assert (again.landed, again.failed, again.trial.letters) == (0, 1, 1)
    assert post.query("select * from raw_events.events") == rows
    with post.opened() as warehouse:
        assert waiting(warehouse) == 1
    assert [(one["message_id"], one["attempts"]) for one in post.outcomes()] == [("m1", 1), ("m2", 2)]
    post.query("delete from ops.dead_letter_outcomes")
    third = post.replay(fix_of())
    assert (third.landed, third.present, third.failed) == (0, 1, 1), "without its books it still lands nothing twice"
    assert post.query("select * from raw_events.events") == rows


def test_an_event_that_came_right_later_is_not_landed_again(post: Post) -> None:
    post.deliver([call("m1"), call("m2")])
    post.append([event("m1"), event("m2", source="app")])
    post.extract()
    done = post.replay(fix_of())
    assert (done.landed, done.present, done.failed) == (0, 1, 1)
    first, second = post.outcomes()
    assert (first["status"], second["status"], second["failed_rule"]) == ("present", "failed", "key_taken")
    assert post.ids() == ["m1", "m2"]


def test_letters_of_one_message_are_one_event(post: Post) -> None:
    post.deliver([call("m1", True)])
    post.deliver([call("m1", "1", type="Track")], seconds=5)
    fix = fix_of(FIX.replace("letters: {event: Order Refunded, rule: type, path: \"properties.total\"}",
                             "letters: {source: web_shop}").replace(
        "steps:", "steps:\n  - map: {path: type, values: {Track: track}}\n"
                  "  - map: {path: properties.total, values: {\"true\": 1}}"))  # fmt: skip
    done = post.replay(fix)
    assert (done.landed, done.trial.letters) == (1, 2)
    assert post.ids() == ["m1"]
    assert {one["status"] for one in post.outcomes()} == {"replayed"}
    assert post.replay(fix).trial.letters == 0


def test_without_a_fix_the_mended_plan_judges(post: Post) -> None:
    post.deliver([call("m1"), call("m2", None, event="Something Else")])
    wider = PLAN | {
        "order_refunded.v1.yml": PLAN["order_refunded.v1.yml"].replace("number, desc", "[number, string], desc")
    }
    done = post.replay(files=wider)
    assert (done.landed, done.failed) == (1, 1)
    assert post.statuses() == {("m1", "-"): "replayed", ("m2", "-"): "failed"}
    open_too = wider | {"plan.yml": PLAN["plan.yml"].replace("unplanned_events: dead_letter", "unplanned_events: pass")}
    assert post.replay(files=open_too).trial.with_violations == 1
    (row,) = post.query("select violations, plan_version from raw_events.events where message_id = 'm2'")
    assert json.loads(row["violations"])[0]["rule"] == "unplanned_event"
    assert row["plan_version"] == door(open_too).plan_version


def test_rules_of_the_collector_are_judged_again_too(post: Post) -> None:
    nobody = call(None, 1)
    del nobody["userId"]
    nobody["properties"]["user_id"] = 7
    post.deliver([nobody], kind="track")
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    post.deliver([call("m2", deep), "no object"])
    text = FIX.replace("letters: {event: Order Refunded, rule: type, path: \"properties.total\"}",
                       "letters: {source: web_shop}")  # fmt: skip
    done = post.replay(fix_of(text.replace("cast: {path: properties.total, to: number}",
                                           "copy: {from: properties.user_id, to: userId}")))  # fmt: skip
    assert (done.landed, done.failed) == (1, 2)
    assert {row["failed_rule"] for row in post.outcomes() if row["status"] == "failed"} == {
        "payload_not_kept", "not_an_object",
    }  # fmt: skip
    (row,) = post.query("select user_id, type, message_id from raw_events.events")
    assert (row["user_id"], row["type"]) == ("7", "track")
    assert post.query("select message_id from ops.dead_letters where rule = 'identity_missing'") == [
        {"message_id": row["message_id"]}
    ], "an id that the collector made stays"


def test_half_a_batch_that_fails_stops_before_the_first_write(post: Post) -> None:
    post.deliver([call(f"m{n}", True if n % 2 else "1") for n in range(20)])
    before = post.query("select table_name, estimated_size from duckdb_tables() order by 1")
    with pytest.raises(Tripped, match=r"10 of 20 .* 10 by type at properties.total"):
        post.replay(fix_of())
    assert post.query("select count(*) as n from raw_events.events") == [{"n": 0}]
    assert post.outcomes() == []
    assert post.query("select table_name, estimated_size from duckdb_tables() order by 1") == before
    assert post.replay(fix_of(), breaker=Breaker(0.6)).landed == 10
    assert post.replay(fix_of(), breaker=Breaker(None)).failed == 10


@pytest.mark.parametrize(
    ("failed", "total", "trips"),
    [(10, 20, True), (9, 20, False), (19, 19, False), (20, 20, True), (0, 50, False)],
)
def test_when_the_breaker_trips(failed: int, total: int, trips: bool) -> None:
    assert Breaker().trips(failed, total) is trips
    assert Breaker(None).trips(failed, total) is False


def test_what_the_breaker_is_told() -> None:
    assert Breaker.from_environment({}) == Breaker(0.5, 20)
    assert Breaker.from_environment({"BRAID_BREAKER_SHARE": "off", "BRAID_BREAKER_MINIMUM": "3"}) == Breaker(None, 3)
    for wrong in ({"BRAID_BREAKER_SHARE": "2"}, {"BRAID_BREAKER_SHARE": "x"}, {"BRAID_BREAKER_MINIMUM": "0"}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            Breaker.from_environment(wrong)


def test_half_a_log_of_other_records_does_not_land(post: Post) -> None:
    post.append([event("a"), *([b"nothing"] * 20)])
    failed = post.extract("collected")["collected"]
    assert failed.error is not None
    assert "20 of 21 records of events" in failed.error
    assert "BRAID_BREAKER_SHARE=off" in failed.error
    assert post.query("select count(*) as n from ops.quarantine") == [{"n": 0}]
    landed = post.extract("collected", env={"BRAID_BREAKER_SHARE": "off"})["collected"]
    assert (landed.rows_inserted, landed.rows_quarantined) == (1, 20)


def test_a_fix_that_was_replayed_does_not_change_under_its_version(post: Post) -> None:
    post.deliver([call("m1")])
    post.replay(fix_of())
    post.deliver([call("m2")])
    other = FIX.replace("A release", "Two releases")
    with pytest.raises(FixChanged, match=r"total_as_number\.v1\.yml .* version 2"):
        post.replay(fix_of(other))
    assert post.ids() == ["m1"]
    assert post.replay(fix_of(other.replace("version: 1", "version: 2"), 2)).landed == 1


def test_a_dry_run_tells_what_would_be_and_no_value(post: Post) -> None:
    post.deliver([call("m1", "77.25"), call("m2", "seventy"), call("m3", None, properties={"total": "9"})])
    before = post.query("select table_name, estimated_size from duckdb_tables() order by 1")
    plan = post.plan(fix_of())
    trial = try_out(plan, post.opened, samples=5)
    assert (trial.letters, trial.changed, trial.passing, trial.failed) == (3, 2, 1, 2)
    assert {(why.rule, why.path): n for why, n in trial.failing.items()} == {
        ("type", "properties.total"): 1,
        ("required", "properties.order_id"): 1,
    }
    said = json.dumps([list(one) for one in trial.samples])
    assert "77.25" not in said
    assert sorted((one.passes, one.differences[0][:3]) for one in trial.samples) == [
        (False, ("properties.total", "string", "integer")),
        (True, ("properties.total", "string", "number")),
    ]
    shown = try_out(plan, post.opened, samples=5, values=True).samples
    assert ("properties.total", '"77.25"', "77.25") in [one.differences[0][:3] for one in shown]
    assert post.query("select table_name, estimated_size from duckdb_tables() order by 1") == before


def test_letters_are_counted_and_chosen(post: Post) -> None:
    post.deliver([call("m1"), call("m2"), call("m3", None, event="Other"), call("m4", None, event="")])
    post.deliver([call("m1")], seconds=60)
    post.deliver([call("m5")], source="app")
    found = groups(post.opened, Selection(), WAITING)
    assert [(g.event, g.rule, g.source, g.status, g.letters, g.attempts) for g in found] == [
        ("Order Refunded", "type", "web_shop", "open", 2, 3),
        ("Order Refunded", "type", "app", "open", 1, 1),
        ("Other", "unplanned_event", "web_shop", "open", 1, 1),
        ("track", "event_missing", "web_shop", "open", 1, 1),
    ]
    assert (found[0].first_seen_at, found[0].last_seen_at) == (DAY, DAY + timedelta(seconds=60))
    post.replay(None, Selection(ids=(found[0].example,)), files=None)

    def ids(selection: Selection, statuses: tuple[str, ...] = STATUSES, size: int = 2) -> set[str]:
        return {one.message_id for page in pages(post.opened, [selection], statuses, size) for one in page}

    assert ids(Selection()) == {"m1", "m2", "m3", "m4", "m5"}
    assert ids(Selection(sources=("app",))) == {"m5"}
    assert ids(Selection(rules=("type",), sources=("web_shop",))) == {"m1", "m2"}
    assert ids(Selection(events=("Other",))) == {"m3"}
    assert ids(Selection(paths=("properties.total",))) == {"m1", "m2", "m5"}
    assert ids(Selection(seen_from=DAY + timedelta(seconds=1))) == {"m1"}
    assert ids(Selection(), ("failed",)) < {"m1", "m2"}
    assert ids(Selection(), ("open",)) | ids(Selection(), ("failed",)) == ids(Selection())


CALLS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["1", True, 2, None]), st.sampled_from(["web_shop", "app"])),
    max_size=8,
)
TURNS = st.lists(
    st.one_of(CALLS.map(lambda calls: ("deliver", calls)), st.just(("fix", None)), st.just(("plain", None))),
    min_size=1,
    max_size=4,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TURNS)
def test_whatever_the_order_each_event_lands_once_and_only_if_it_passes(turns: list[tuple[str, Any]]) -> None:
    """Deliveries, replays and repeats in any order: an id is in raw once, and nothing that could pass waits."""
    with tempfile.TemporaryDirectory() as folder:
        post = Post(Path(folder))
        fix = fix_of()
        for seconds, (turn, calls) in enumerate([*turns, ("fix", None), ("fix", None)]):
            if turn == "deliver":
                made = [collected([call(m, total)], seconds=seconds, source=source) for m, total, source in calls]
                post.append(
                    [data for records in made for _, data in records.events],
                    [data for records in made for _, data in records.dead],
                )
                post.extract()
            else:
                post.replay(fix if turn == "fix" else None, breaker=Breaker(None))
        ids = post.ids() if post.query("select 1 from duckdb_tables() where table_name = 'events'") else []
        assert len(ids) == len(set(ids))
        delivered = [one for turn, calls in turns if turn == "deliver" for one in calls]
        assert set(ids) == {message for message, total, _ in delivered if total is not True}
        if ids:
            landed = post.query("select properties from raw_events.events")
            assert all(not isinstance(json.loads(row["properties"]).get("total"), str) for row in landed)
        left = {one.message_id for page in pages(post.opened, [], WAITING) for one in page}
        # What waits is broken for good, or another source's event has its id.
        broken = {message for message, total, _ in delivered if total is True}
        shared = {message for message, *_ in delivered if len({s for m, _, s in delivered if m == message}) > 1}
        assert left <= broken | shared


def test_a_record_is_as_the_log_has_it() -> None:
    answer = door().take(
        call("m1", 1), source="web_shop", message_id="m1", first_seen_at=DAY, last_seen_at=DAY, sent_at=None
    )
    assert answer.record is not None
    assert parsed(answer.record) == parsed(collected([call("m1", 1)]).events[0][1])
