"""Two landings at the same time, also the very first: the second lands nothing, or what the first has not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from extract import books, landing, turns
from extract.pipeline import ObjectResult, run
from extract.sources.segment import Segment
from tests.extract.events_log import DAY, Landing, dead, event
from warehouse.base import TableName, WarehouseError

pytestmark = pytest.mark.timeout(120)
EVENTS = TableName("raw_events", "events")


def test_a_turn_is_one_landings_at_a_time(tmp_path: Path) -> None:
    log = Landing(tmp_path)
    with log.opened() as one, log.opened() as other:
        books.ensure_books(one)
        turns.ready(one, EVENTS)
        with one.transaction():
            turns.take(one, EVENTS, "first", DAY)
            with pytest.raises(WarehouseError, match="onflict"), other.transaction():
                turns.take(other, EVENTS, "second", DAY)
            with other.transaction():
                turns.ready(other, EVENTS)
                turns.take(other, TableName("ops", "dead_letters"), "elsewhere", DAY)
        turns.ready(one, EVENTS)
        found = one.query("select run_id from ops.landing_turns").to_pylist()
    assert found == [{"run_id": "first"}]


def test_two_first_landings_at_once_land_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Landing(tmp_path)
    log.append([event("a"), event("b")], [dead("m")])
    inner: list[ObjectResult] = []
    write = landing._write

    def meanwhile(*args: object) -> object:
        """In the midst of the first landing, a whole other one."""
        monkeypatch.setattr(landing, "_write", write)
        inner.extend(log.extract().values())
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(landing, "_write", meanwhile)
    outer = log.extract()
    assert outer["collected"].error is None
    refused = [result.error for result in inner if result.object == "collected"]
    assert refused[0] is not None
    assert log.ids() == ["a", "b"]
    log.extract()
    assert [letter["attempts"] for letter in log.letters()] == [1]


def test_the_archive_waits_for_the_log_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Landing(tmp_path)
    folder = tmp_path / "archive" / "segment-logs" / "s" / "1777593600000"
    folder.mkdir(parents=True)
    calls = [{"messageId": m, "type": "track", "event": "Viewed", "receivedAt": "2026-05-01T00:00:00Z"} for m in "ab"]
    (folder / "x.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, calls)).encode()))
    log.append([event("b"), event("c")])
    inner: list[str | None] = []
    write = landing._write

    def archived() -> str | None:
        source = Segment.from_environment({"SEGMENT_ARCHIVE_URL": (tmp_path / "archive").as_uri()})
        (result,) = run(source, ["events"], log.opened, spool_root=tmp_path / "spool")
        return result.error

    def meanwhile(*args: object) -> object:
        monkeypatch.setattr(landing, "_write", write)
        inner.append(archived())
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(landing, "_write", meanwhile)
    assert log.extract("collected")["collected"].error is None
    assert inner != [None]
    assert archived() is None
    assert log.ids() == ["a", "b", "c"]
