"""Dead letters where raw was filled again, another replay was at work, or much waits: what is said stays true."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collect.again import Answer
from contracts.fixing import Selection
from extract.breaker import Breaker, Tripped
from extract.dead_letters import replaying
from extract.dead_letters.asking import STATUSES, WAITING
from extract.dead_letters.letters import groups, oldest, pages, unknown, waiting
from extract.dead_letters.replaying import Plan, replay, trips, try_out
from extract.dead_letters.trying import Refused
from tests.extract.dead_bench import PLAN, Post, call, fix_of
from tests.extract.events_log import DAY, event

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def letters_waiting(post: Post) -> int:
    with post.opened() as warehouse:
        return waiting(warehouse)


def test_a_replayed_event_that_raw_lost_is_replayed_again(post: Post) -> None:
    """A replayed event is in no log: raw filled again from the log has it only when its letter is replayed again."""
    post.deliver([call("m1"), call("right", 1)])
    assert post.replay(fix_of()).landed == 1
    assert letters_waiting(post) == 0
    rows = post.events()
    post.query("delete from raw_events.events")
    assert letters_waiting(post) == 1
    post.extract(full=True)
    assert post.ids() == ["right"]
    (letter,) = next(pages(post.opened, [], WAITING))
    assert (letter.status, letter.message_id) == ("open", "m1")

    again = post.replay(fix_of())
    assert (again.landed, again.present, again.failed) == (1, 0, 0)
    assert post.events() == rows
    assert [(one["status"], one["attempts"], one["run_id"]) for one in post.outcomes()] == [
        ("replayed", 2, again.run_id)
    ]
    assert letters_waiting(post) == 0
    assert post.replay(fix_of()).trial.letters == 0

    post.query("delete from raw_events.events")
    closed = PLAN | {"order_refunded.v1.yml": PLAN["order_refunded.v1.yml"].replace("number, desc", "boolean, desc")}
    assert post.replay(fix_of(), files=closed).failed == 1
    assert post.statuses() == {("m1", "total_as_number"): "failed"}


def test_two_replays_at_once_land_what_one_would(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.deliver([call("m1"), call("m2"), call("m3", True)])
    inner: list[Any] = []
    real = replaying.refuse_half

    def meanwhile(plan: Plan, trial: Any) -> None:
        real(plan, trial)
        if not inner:
            inner.append(None)
            inner[0] = post.replay(fix_of())

    monkeypatch.setattr(replaying, "refuse_half", meanwhile)
    outer = post.replay(fix_of())
    assert (inner[0].landed, inner[0].present, inner[0].failed) == (2, 0, 1)
    assert (outer.landed, outer.present, outer.failed) == (0, 2, 1)
    assert post.ids() == ["m1", "m2"]
    assert [(one["message_id"], one["status"], one["attempts"]) for one in post.outcomes()] == [
        ("m1", "replayed", 1), ("m2", "replayed", 1), ("m3", "failed", 2),
    ]  # fmt: skip


def test_a_dry_run_knows_whose_id_is_taken_and_the_breaker_too(post: Post) -> None:
    post.deliver([call(f"m{n}") for n in range(4)])
    post.append(
        [event("m0", source="app"), event("m1", source="app"), event("m2"), event("m3", source="segment_archive")]
    )
    post.extract()
    why = Refused("key_taken", "", "Another source has used the same message id.")
    plan = post.plan(fix_of(), breaker=Breaker(0.5, 4))
    trial = try_out(plan, post.opened)
    assert (trial.passing, dict(trial.failing), trips(plan, trial)) == (2, {why: 2}, True)
    with pytest.raises(Tripped, match=r"2 of 4 .* by key_taken"):
        post.replay(fix_of(), breaker=Breaker(0.5, 4))
    assert post.outcomes() == []
    done = post.replay(fix_of())
    assert (done.landed, done.present, done.failed, dict(done.trial.failing)) == (0, 2, 2, {why: 2})


def test_of_two_sources_with_one_id_the_report_says_which_has_no_room(post: Post) -> None:
    post.deliver([call("m1")])
    post.deliver([call("m1")], source="app")
    done = post.replay(fix_of())
    assert (done.landed, done.failed, done.trial.passing) == (1, 1, 1)
    assert [why.rule for why in done.trial.failing] == ["key_taken"]


class Careless:
    """A door that lets in what is no record."""

    plan_version = "p1"

    def take(
        self, call: Any, *, source: str, message_id: str, first_seen_at: datetime, last_seen_at: datetime,
        sent_at: datetime | None,
    ) -> Answer:  # fmt: skip
        return Answer(event(message_id, source=source, received_at="never"))


def test_what_cannot_be_a_row_fails_in_the_dry_run_too(post: Post) -> None:
    post.deliver([call("m1"), call("m2")])
    why = Refused("type:received_at", "", "received_at is missing or cannot be read.")
    plan = Plan([], Careless(), None, Breaker(0.5, 2))
    assert dict(try_out(plan, post.opened).failing) == {why: 2}
    with pytest.raises(Tripped, match="2 of 2"):
        replay(plan, post.opened, spool_root=post.folder / "spool")
    done = replay(Plan([], Careless(), None), post.opened, spool_root=post.folder / "spool")
    assert (done.landed, dict(done.trial.failing)) == (0, {why: 2})


def test_what_was_tried_in_vain_does_not_hold_up_what_is_new(post: Post) -> None:
    breaker = Breaker(0.5, 4)
    post.deliver([call(f"bad{n}", True) for n in range(8)])
    with pytest.raises(Tripped):
        post.replay(fix_of(), breaker=breaker)
    assert post.replay(fix_of(), breaker=Breaker(None)).failed == 8
    post.deliver([call(f"m{n}") for n in range(4)])
    plan = post.plan(fix_of(), breaker=breaker)
    assert trips(plan, try_out(plan, post.opened)) is False
    done = post.replay(fix_of(), breaker=breaker)
    assert (done.landed, done.failed) == (4, 8)
    # Leftovers alone are tried, and fail.
    assert post.replay(fix_of(), breaker=breaker).failed == 8
    # Another plan has not judged them yet, nor has another version of the fix.
    wider = PLAN | {"plan.yml": PLAN["plan.yml"].replace("A plan", "Another plan")}
    with pytest.raises(Tripped, match="8 of 8"):
        post.replay(fix_of(), breaker=breaker, files=wider)
    with pytest.raises(Tripped, match="8 of 8"):
        post.replay(None, breaker=breaker)


def test_pages_are_cut_by_what_is_in_them(post: Post) -> None:
    post.deliver([call(f"m{n}", "x" * (3_000 if n % 3 == 0 else 10)) for n in range(20)])
    whole = [one for page in pages(post.opened, [], STATUSES, payloads=True) for one in page]
    assert len(whole) == 20
    for most in (1, 3_500, 7_000):
        cut = list(pages(post.opened, [], STATUSES, payloads=True, characters=most, size=7))
        assert [one for page in cut for one in page] == whole
        assert all(len(page) == 1 or sum(len(one.payload or "") for one in page) <= most for page in cut)
        assert most > 1 or len(cut) == 20
        assert most == 1 or len(cut) < 20


def test_lists_hold_no_payload_and_no_more_than_they_show(post: Post) -> None:
    for seconds in range(5):
        post.deliver([call(f"m{seconds}")], seconds=100 - seconds)
    found, count = oldest(post.opened, Selection(), STATUSES, 2)
    assert ([one.message_id for one in found], count) == (["m4", "m3"], 5)
    assert {one.payload for one in found} == {None}
    statements: list[str] = []

    def opened() -> Any:
        warehouse = post.opened()
        warehouse.on_statement = statements.append
        return warehouse

    assert sum(group.letters for group in groups(opened, Selection(), STATUSES)) == 5
    assert not [text for text in statements if "length(payload)" in text or ", payload as" in text]
    assert unknown(post.opened, [found[0].letter_id, "nothing"]) == ["nothing"]
    assert found[0].first_seen_at > DAY


def test_an_id_that_is_no_text_is_refused_again_and_its_kind_is_known(post: Post) -> None:
    """A fix cannot change a message id, and the one that the letter is known by is not the call's."""
    odd = call(None, 1) | {"messageId": {"no": "text"}}
    del odd["type"]
    post.deliver([odd], kind="track")
    (letter,) = next(pages(post.opened, [], WAITING, payloads=True))
    assert (letter.rule, letter.type, letter.event, letter.call["type"]) == (
        "message_id_invalid", "track", "Order Refunded", "track",
    )  # fmt: skip
    done = post.replay()
    assert (done.landed, done.failed) == (0, 1)
    assert [why.rule for why in done.trial.failing] == ["message_id_invalid"]
