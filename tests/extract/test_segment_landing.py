"""Segment from archive and HTTP to raw tables in DuckDB: once each, whatever comes twice."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.pipeline import ObjectResult, run
from extract.sources.segment import Segment
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(180)

Query = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running(people=40, seed=2) as child:
        yield child


@pytest.fixture
def extract(sandbox: Running, tmp_path: Path) -> Callable[..., dict[str, ObjectResult]]:
    def go(*objects: str, full: bool = False, **settings: str) -> dict[str, ObjectResult]:
        source = Segment.from_environment(sandbox.environment() | settings)
        results = run(
            source,
            objects,
            lambda: DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}),
            full=full,
            spool_root=tmp_path / "spool",
        )
        source.close()
        return {result.object: result for result in results}

    return go


@pytest.fixture
def query(tmp_path: Path) -> Query:
    def ask(sql: str) -> list[dict[str, Any]]:
        with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}) as warehouse:
            return list(warehouse.rows(sql))

    return ask


def test_events_profiles_and_ids_land_once(sandbox: Running, extract: Callable[..., Any], query: Query) -> None:
    first = extract()
    assert [result.error for result in first.values()] == [None] * 3
    users = query("select count(distinct user_id) as n from raw_events.events")[0]["n"]
    assert query("select count(*) as n from raw_segment.profiles where not _is_deleted")[0]["n"] == users > 10
    assert first["profile_external_ids"].rows_landed > users

    again = extract()
    assert {name: result.rows_landed for name, result in again.items()} == dict.fromkeys(Segment.objects, 0)
    assert again["events"].rows_read == 0

    sandbox.advance()
    next_day = extract()
    assert [result.error for result in next_day.values()] == [None] * 3
    assert next_day["events"].rows_landed > 0
    counts = query("select count(*) as n, count(distinct message_id) as ids from raw_events.events")[0]
    assert counts["n"] == counts["ids"]


def test_only_users_seen_since_the_last_time_are_asked_for(
    sandbox: Running, extract: Callable[..., Any], query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract()
    everybody = query("select count(*) as n from raw_segment.profiles")[0]["n"]
    sandbox.advance()
    result = extract()["profiles"]
    assert 0 < result.rows_read < everybody


def test_a_call_that_comes_again_days_later_is_still_one_event(
    sandbox: Running, extract: Callable[..., Any], query: Query
) -> None:
    extract("events")
    kept = query("select * from raw_events.events order by received_at, message_id limit 1")[0]
    later = json.loads(kept["payload"]) | {"receivedAt": "2026-01-13T08:00:00.000Z"}
    without_id = {"type": "track", "event": "Nameless", "userId": "u1", "receivedAt": "2026-01-13T08:00:00.000Z"}
    folder = sandbox.archive / "segment-logs" / "late" / "1768262400000"
    folder.mkdir(parents=True)
    body = "\n".join(json.dumps(call) for call in (later, without_id)).encode()
    for name in ("one", "two"):
        (folder / f"{name}.gz").write_bytes(gzip.compress(body))
    result = extract("events")["events"]
    assert (result.rows_read, result.rows_landed) == (4, 1)
    assert query(f"select * from raw_events.events where message_id = '{kept['message_id']}'") == [kept]


def test_a_broken_file_lands_nothing_of_its_run(sandbox: Running, extract: Callable[..., Any], query: Query) -> None:
    extract("events")
    before = query("select count(*) as n from raw_events.events"), query("select * from ops.landed_files order by path")
    folder = sandbox.archive / "segment-logs" / "late" / "1768262400000"
    folder.mkdir(parents=True)
    (folder / "good.gz").write_bytes(gzip.compress(b'{"messageId":"good"}\n'))
    (folder / "late.gz").write_bytes(gzip.compress(b'{"messageId":"a"}\n{"messageId":"b"}\n')[:-12])
    result = extract("events")["events"]
    assert "late.gz: the gzip stream is broken" in result.error
    after = query("select count(*) as n from raw_events.events"), query("select * from ops.landed_files order by path")
    assert after == before
    (folder / "late.gz").write_bytes(gzip.compress(b'{"messageId":"a"}\n{"messageId":"b"}\n'))
    assert extract("events")["events"].rows_landed == 3


def test_a_profile_erased_at_the_source_is_marked(sandbox: Running, extract: Callable[..., Any], query: Query) -> None:
    extract()
    stored = query("select user_id, traits from raw_segment.profiles order by user_id limit 1")[0]
    sandbox.sql(f"delete from segment.profiles where user_id = '{stored['user_id']}'")
    sandbox.sql(f"delete from segment.profile_external_ids where user_id = '{stored['user_id']}'")
    assert extract("profiles")["profiles"].rows_read == 0, "nobody was seen since: nobody is asked for"
    result = extract("profiles", "profile_external_ids", full=True)
    assert result["profiles"].rows_deleted == 1
    assert result["profile_external_ids"].rows_deleted > 0
    marked = query("select user_id, traits from raw_segment.profiles where _is_deleted")
    assert marked == [stored]


def test_without_a_space_the_events_still_land(sandbox: Running, extract: Callable[..., Any]) -> None:
    results = extract(SEGMENT_SPACE_ID="", SEGMENT_ACCESS_TOKEN="")
    assert results["events"].rows_landed > 0
    assert "SEGMENT_SPACE_ID and SEGMENT_ACCESS_TOKEN are not set" in results["profiles"].error
    assert results["profiles"].permanent
