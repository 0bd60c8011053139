"""The log of the collector lands once, however it is cut into runs; what cannot be read is said and not passed over."""

import gzip
import itertools
import json
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract import offsets
from extract.pipeline import run
from extract.source import ConfigurationError, SourceError
from extract.sources.events import Events, reading, records
from extract.sources.segment import Segment
from extract.status import object_status
from log.base import Columns
from log.removal import remove
from tests.extract.events_log import DAY, Landing, dead, event
from tests.log.helpers import block_starts, segments_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


def test_a_call_becomes_typed_columns(landing: Landing) -> None:
    told = [{"rule": "type", "path": "/price", "message": "is no number"}]
    landing.append([event("m1", event_name="viewed", event_version="2", violations=told, user_id="null")])
    assert landing.extract()["collected"].error is None
    (row,) = landing.events()
    assert row["timestamp"] == row["received_at"] == DAY
    assert row["original_timestamp"] == DAY - timedelta(hours=1)
    assert (row["source"], row["type"], row["event"]) == ("web_shop", "track", "Viewed")
    assert (row["consent"], row["region"], row["user_id"]) == ('{"ads":true}', "DE", None)
    assert (row["plan_version"], row["event_name"], row["event_version"]) == ("p1", "viewed", "2")
    assert json.loads(row["violations"]) == told
    assert json.loads(row["properties"]) == {"price": 1.5}
    assert json.loads(row["payload"])["messageId"] == "m1"


def test_a_message_lands_once_against_all_history(landing: Landing) -> None:
    landing.append([event("a"), event("b", seconds=9), event("b", seconds=3)])
    landing.extract()
    assert [row["received_at"].second for row in landing.events()] == [0, 3], "of one landing the earliest is kept"
    before = landing.events()
    week = 8 * 86_400
    landing.append([event("a", seconds=week), event("c", seconds=week)])
    landing.append([event("b", seconds=week)], partition=1)
    assert landing.extract()["collected"].rows_inserted == 1
    assert landing.ids() == ["a", "b", "c"]
    assert landing.events()[:2] == before
    again = landing.extract()["collected"]
    assert (again.rows_read, again.rows_landed) == (0, 0)
    assert landing.extract(full=True)["collected"].rows_inserted == 0
    assert landing.ids() == ["a", "b", "c"]


@pytest.mark.parametrize("archive_first", [True, False])
def test_both_feeds_share_one_table(landing: Landing, archive_first: bool) -> None:
    folder = landing.folder / "archive" / "segment-logs" / "s" / "1777593600000"
    folder.mkdir(parents=True)
    calls = [{"messageId": m, "type": "track", "event": "Viewed", "receivedAt": "2026-05-01T00:00:00Z"} for m in "ab"]
    (folder / "x.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, calls)).encode()))
    landing.append([event("b"), event("c")])

    def archive() -> None:
        source = Segment.from_environment({"SEGMENT_ARCHIVE_URL": (landing.folder / "archive").as_uri()})
        (result,) = run(source, ["events"], landing.opened, spool_root=landing.folder / "spool")
        assert result.error is None

    for feed in (archive, landing.extract) if archive_first else (landing.extract, archive):
        feed()
    landing.extract()
    archive()
    assert landing.ids() == ["a", "b", "c"]
    sources = {row["message_id"]: row["source"] for row in landing.events()}
    assert sources == {"a": "segment_archive", "b": "segment_archive" if archive_first else "web_shop", "c": "web_shop"}
    assert {row["message_id"] for row in landing.events() if row["plan_version"]} == (
        {"c"} if archive_first else {"b", "c"}
    )


def test_an_id_that_two_sources_use_loses_nothing(landing: Landing) -> None:
    landing.append([event("a"), event("b", seconds=1), event("b", source="app"), event("b", source="app", seconds=9)])
    first = landing.extract("collected")["collected"]
    assert (first.rows_inserted, first.rows_quarantined) == (2, 1)
    landing.append([event("a", source="app"), event("a")])
    assert landing.extract("collected")["collected"].rows_quarantined == 1
    assert landing.extract("collected", full=True)["collected"].rows_quarantined == 0
    rows = landing.query("select rule, record_key, status, payload from ops.quarantine order by 2")
    assert [(row["rule"], row["record_key"], row["status"]) for row in rows] == [
        ("key_taken", "app|a", "open"),
        ("key_taken", "web_shop|b", "open"),
    ]
    assert json.loads(rows[1]["payload"])["messageId"] == "b"
    assert {row["message_id"]: row["source"] for row in landing.events()} == {"a": "web_shop", "b": "app"}


def test_dead_letters_count_how_often_they_came(landing: Landing) -> None:
    landing.append((), [dead("m", seconds=5), dead("m", seconds=1, reason="Older."), dead("m", rule="other")])
    result = landing.extract("dead_letters")["dead_letters"]
    assert (result.rows_read, result.rows_inserted) == (3, 2)
    landing.append((), [dead("m", seconds=90, reason="Newer.")])
    assert landing.extract("dead_letters")["dead_letters"].rows_updated == 1
    landing.extract("dead_letters", full=True)
    first, other = landing.letters()
    assert (first["attempts"], first["reason"], other["attempts"]) == (3, "Newer.", 1)
    assert first["first_seen_at"] == DAY + timedelta(seconds=1)
    assert first["last_seen_at"] == DAY + timedelta(seconds=90)
    assert json.loads(first["payload"])["messageId"] == "m"


def test_a_record_that_is_none_waits_in_quarantine(landing: Landing) -> None:
    landing.append([event("a"), b"no json", b"[1]", b'"\xff"', event("b", received_at="yesterday"), event("c")])
    result = landing.extract("collected")["collected"]
    assert (result.error, result.rows_quarantined) == (None, 4)
    assert landing.ids() == ["a", "c"]
    rows = landing.query("select rule, position from ops.quarantine order by position")
    assert [row["position"] for row in rows] == [f"events/0 offset {number}" for number in (1, 2, 3, 4)]
    assert rows[3]["rule"] == "type:received_at"


# What the collector never writes, and a broker's topic may hold: each must leave the others alone.
POISON = {
    "half a pair": event("m").replace(b'"u1"', b'"\\ud800"'),
    "byte order mark": b"\xef\xbb\xbf" + event("m"),
    "null": b"null",
    "control character": event("m").replace(b'"u1"', b'"a\tb"'),
    "two on a line": event("m") + b" {}",
    "no id": event(""),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
def test_no_record_keeps_the_others_from_landing(landing: Landing, poison: bytes) -> None:
    rules = []
    for other in (event("good"), b"no json"):
        landing.append([poison, other])
        assert landing.extract("collected")["collected"].error is None
        at = landing.query("select max(next_offset) - 2 as at from ops.log_offsets")[0]["at"]
        rules += landing.query(f"select rule from ops.quarantine where position = 'events/0 offset {at}'")
    assert landing.ids() == ["good"]
    assert len(rules) == 2
    assert rules[0] == rules[1], "what is beside it does not change what is wrong with it"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Landings of five records, read by two."""
    for name, value in (("RECORDS_A_BATCH", 2), ("RECORDS_A_LANDING", 5)):
        monkeypatch.setattr(reading, name, value)


@pytest.mark.usefixtures("small")
def test_a_long_log_lands_in_parts_and_is_landed_to_its_end(landing: Landing) -> None:
    for partition in (0, 1, 2):
        for number in range(7):
            landing.append(
                [event(f"{partition}-{number}"), event("again", seconds=number + 1)], [dead("d")], partition=partition
            )
    results = landing.extract()
    assert [result.error for result in results.values()] == [None, None]
    assert (results["collected"].rows_read, results["collected"].rows_inserted) == (42, 22)
    assert landing.ids() == sorted(["again", *(f"{p}-{n}" for p in range(3) for n in range(7))])
    assert landing.letters()[0]["attempts"] == 21
    parts = landing.query("select records from ops.extract_runs join ops.log_offsets using (run_id, object)")
    assert len(parts) > 8
    assert all(part["records"] <= 6 for part in parts)
    again = landing.extract(full=True)["collected"]
    assert (again.rows_read, again.rows_inserted) == (42, 0), "each partition is read anew, once"
    assert landing.letters()[0]["attempts"] == 21
    assert landing.extract()["collected"].rows_read == 0


@pytest.mark.usefixtures("small")
def test_a_run_that_fails_between_its_parts_has_come_further(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        landing.append([event(f"{number:02}")])
    real, landings = offsets.write, 0

    def failing(*args: object) -> None:
        nonlocal landings
        landings += 1
        if landings == 3:
            raise SourceError("The machine went away.")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(offsets, "write", failing)
    result = landing.extract("collected")["collected"]
    assert result.error == "The machine went away."
    come = len(landing.ids())
    assert come == result.rows_inserted >= 10
    monkeypatch.undo()
    assert landing.extract("collected")["collected"].rows_inserted == 20 - come
    runs = landing.query("select count(*) - count(distinct run_id) as repeated from ops.extract_runs")
    assert runs == [{"repeated": 0}]


@pytest.mark.usefixtures("small")
def test_damage_in_one_partition_stops_no_part_of_the_others(landing: Landing) -> None:
    for number in range(9):
        landing.append([event(f"a{number}")])
        landing.append([event(f"b{number}")], partition=1)
    _damage(landing, 3)
    result = landing.extract("collected")["collected"]
    assert "events/0/3" in (result.error or "")
    assert result.rows_inserted == 12, "what landed is told, beside the error"
    assert landing.ids() == ["a0", "a1", "a2", *(f"b{number}" for number in range(9))]
    runs = landing.query(
        "select status, count(*) as runs, count(distinct run_id) as ids from ops.extract_runs group by 1"
    )
    assert all(run["runs"] == run["ids"] for run in runs)
    (failed,) = (run for run in runs if run["status"] == "failed")
    assert failed["runs"] == 1


def test_a_batch_is_bounded_by_its_bytes(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = records.typed

    def seeing(parser: object, name: str, where: str, found: Columns) -> object:
        seen.append(len(found.offsets))
        return real(parser, name, where, found)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "typed", seeing)
    monkeypatch.setattr(reading, "BYTES_A_BATCH", 1_000)
    for number in range(6):
        landing.append([event(f"{number}", event="x" * 600)])
    landing.extract("collected")
    assert seen == [1] * 6


def _damage(landing: Landing, block: int) -> bytes:
    (path,) = segments_of(landing.log)
    whole = path.read_bytes()
    at = list(block_starts(path))[block] + 60
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    return whole


def test_damage_is_reported_until_it_is_restored(landing: Landing) -> None:
    for name in "abc":
        landing.append([event(name)])
    landing.append([event("z")], partition=1)
    whole = _damage(landing, 1)
    for _ in range(2):
        result = landing.extract("collected")["collected"]
        assert result.error is not None
        assert "BRAID_COLLECT_GIVE_UP=events/0/1" in result.error
        assert landing.ids() == ["a", "z"], "what is before it, and the other partition, have landed"
    with landing.opened() as warehouse:
        (status,) = object_status(warehouse)
    assert status.last_status == "failed"
    assert "damaged" in (status.last_error or "")
    next(path for path in segments_of(landing.log)).write_bytes(whole)
    assert landing.extract("collected")["collected"].error is None
    assert landing.ids() == ["a", "b", "c", "z"]


def test_damage_that_is_given_up_is_counted(landing: Landing) -> None:
    for name in "abc":
        landing.append([event(name)])
    _damage(landing, 1)
    elsewhere = landing.extract("collected", env={"BRAID_COLLECT_GIVE_UP": "events/0/2"})["collected"]
    assert elsewhere.error is not None, "another place than the damaged one gives up nothing"
    assert landing.extract("collected", env={"BRAID_COLLECT_GIVE_UP": "events/0/1"})["collected"].error is None
    assert landing.ids() == ["a", "c"]
    assert landing.query("select sum(lost_offsets) as lost, max(next_offset) as next from ops.log_offsets") == [
        {"lost": 1, "next": 3}
    ]


def test_removed_records_are_no_damage(landing: Landing) -> None:
    landing.append([event("a"), event("b", user_id="u2"), event("c")])
    landing.extract()
    landing.append([event("d"), event("e", user_id="u2")])
    assert remove(landing.log, lambda payload: b'"u2"' in payload)
    assert landing.extract()["collected"].error is None
    landing.append([event("f")])
    assert landing.extract()["collected"].error is None
    assert landing.ids() == ["a", "b", "c", "d", "f"]


def test_another_log_is_not_taken_for_this_one(landing: Landing, tmp_path: Path) -> None:
    landing.append([event("a"), event("b")], [dead("m")])
    landing.extract()
    landing.log.rename(tmp_path / "old")
    landing.append([event("x")], [dead("m", seconds=7)])
    assert "--full" in (landing.extract()["collected"].error or "")
    landing.append([event("y"), event("z")])
    assert "--full" in (landing.extract()["collected"].error or "")
    assert [result.error for result in landing.extract(full=True).values()] == [None, None]
    assert landing.ids() == ["a", "b", "x", "y", "z"]
    assert landing.letters()[0]["attempts"] == 2
    landing.append([event("w")])
    assert landing.extract()["collected"].rows_inserted == 1


def test_a_log_that_lacks_a_partition_is_another_one(landing: Landing, tmp_path: Path) -> None:
    landing.append([event("a")])
    landing.append([event("b")], partition=1)
    landing.extract()
    landing.log.rename(tmp_path / "old")
    landing.log.mkdir()
    assert "events/0 is not the log" in (landing.extract()["collected"].error or ""), "an empty folder is no success"
    landing.append([event("c")], partition=1)
    assert landing.extract(full=True)["collected"].error is None
    landing.append([event("d")])
    assert landing.extract()["collected"].error is None
    assert landing.ids() == ["a", "b", "c", "d"]


def test_a_run_that_was_overtaken_lands_nothing(landing: Landing) -> None:
    landing.append((), [dead("m")])
    source = Events.from_environment({"BRAID_COLLECT_LOG": str(landing.log)})
    read = source.read

    def overtaken(*args: object) -> None:
        read(*args)  # type: ignore[arg-type]
        landing.extract("dead_letters")

    source.read = overtaken  # type: ignore[method-assign, assignment]
    (result,) = run(source, ["dead_letters"], landing.opened, spool_root=landing.folder / "spool")
    source.close()
    assert result.error is not None
    assert "Another run" in result.error
    assert landing.letters()[0]["attempts"] == 1


MESSAGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=14)


@settings(max_examples=12, deadline=None)
@given(MESSAGES, st.data())
def test_however_it_is_cut_into_runs_the_tables_are_the_same(
    messages: list[tuple[str, bool]], data: st.DataObject
) -> None:
    records = [
        (event(m, seconds=number), dead(m, seconds=-number if back else number, reason=f"{number}"))
        for number, (m, back) in enumerate(messages)
    ]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=4)) | {0, len(records)})
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        whole, parts = Landing(Path(one)), Landing(Path(many))
        for landing, places in ((whole, [0, len(records)]), (parts, cuts)):
            for start, end in itertools.pairwise(places):
                landing.append(*zip(*records[start:end], strict=True))
                assert all(result.error is None for result in landing.extract().values())
        assert parts.events() == whole.events()
        assert parts.letters() == whole.letters()
        assert sum(row["attempts"] for row in whole.letters()) == len(records)


def test_settings_that_are_missing_or_wrong_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BRAID_COLLECT_LOG"):
        Events.from_environment({})
    with pytest.raises(ConfigurationError, match="BRAID_COLLECT_GIVE_UP"):
        Events.from_environment({"BRAID_COLLECT_LOG": "x", "BRAID_COLLECT_GIVE_UP": "all"})
    with pytest.raises(ConfigurationError, match="BRAID_KAFKA_SETTINGS"):
        Events.from_environment({"BRAID_KAFKA": "localhost:1", "BRAID_KAFKA_SETTINGS": str(tmp_path / "none")})
    source = Events.from_environment({"BRAID_COLLECT_LOG": str(tmp_path / "none")})
    with pytest.raises(ConfigurationError, match="collect serve"):
        source.connect()


def test_long_json_is_packed_tight(landing: Landing) -> None:
    landing.append([event(f"{number}", event=f"{number:0300}") for number in range(3000)])
    landing.extract("collected")
    found = landing.query(
        "select column_name as name, compression from pragma_storage_info('raw_events.events')"
        " where column_name in ('payload', 'message_id') and segment_type <> 'VALIDITY'"
    )
    packed = {row["name"]: str(row["compression"]).upper() for row in found}
    assert packed["payload"] == "ZSTD"
    assert packed["message_id"] != "ZSTD"
