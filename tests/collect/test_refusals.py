"""Half of a source's events refused: told by log, metrics and readiness; every event is still taken and kept."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from collect.refusals import MINIMUM, Refusals
from contracts.plan import Plan
from log.base import DEAD_LETTERS
from tests.collect.helpers import Bench, on_bench
from tests.extract.dead_bench import PLAN, call

pytestmark = pytest.mark.timeout(120)


def test_half_of_a_minute_is_told_once_and_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    caplog.set_level(logging.INFO, "collect.refusals")

    def send(events: int, dead: int, *, after: float = 1.0, source: str = "web") -> tuple[str, ...]:
        now[0] += after
        refusals.count(source, events, dead)
        return refusals.sources()

    assert send(MINIMUM - 1, MINIMUM - 1) == ()
    assert send(1, 0) == ("web",)
    assert send(5, 5) == ("web",)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "99 of 100 events that web sent" in caplog.text
    assert send(MINIMUM, MINIMUM // 2 - 1, source="app") == ("web",)
    # A minute that is better than half; it is known when it is over.
    assert send(MINIMUM, 0, after=60) == ("web",)
    assert send(1, 0, after=60) == ()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert send(MINIMUM, MINIMUM) == ("web",)
    now[0] += 120
    assert refusals.sources() == (), "who sends nothing has nothing refused"


def test_the_collector_goes_on_and_keeps_all_of_it(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        batch = [call(f"m{n}") for n in range(MINIMUM)]
        assert (await bench.post("/v1/batch", {"batch": batch})).status == 200
        ready = await bench.send("GET", "/ready", b"", [])
        assert ready.status == 200
        assert b'"refused":["web"]' in ready.body.replace(b" ", b"")
        metrics = await bench.send("GET", "/metrics", b"", [])
        assert b"\nbraid_collect_sources_refused 1\n" in metrics.body
        assert (await bench.post("/v1/track", call("right", 1))).status == 200
        assert len(bench.records(DEAD_LETTERS)) == MINIMUM
        assert [record["message_id"] for record in bench.records()] == ["right"]

    on_bench(tmp_path, work, judge=Plan.of(PLAN))
