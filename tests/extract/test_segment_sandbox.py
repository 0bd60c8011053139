"""Segment in the sandbox: the archive as written, profiles over HTTP, and what can go wrong with both."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from extract.source import (
    AccessDenied,
    ConfigurationError,
    LandedFile,
    MalformedAnswer,
    RateLimited,
    SourceError,
    Unreachable,
)
from extract.sources.segment import Segment
from sandbox.company import Company
from sandbox.server import Running, running

pytestmark = pytest.mark.timeout(120)

PEOPLE = 60
Spooled = Callable[..., Any]


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running(people=PEOPLE) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Running) -> Iterator[Running]:
    shared.faults()
    yield shared
    shared.faults()


@pytest.fixture
def segment(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Segment:
    source = Segment.from_environment(sandbox.environment())
    assert source._profiles
    monkeypatch.setattr(source._profiles, "_sleep", lambda _: None)
    return source


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=1, people=PEOPLE)


def users(company: Company) -> list[str]:
    return [str(user) for user in company.tables["segment.profiles"]["user_id"].to_pylist()]


def test_the_events_are_the_companys_calls(segment: Segment, spooled: Spooled, company: Company) -> None:
    kept = company.tables["segment.events"].to_pylist()
    rows = spooled(segment, "events").pylist
    assert sorted(row["payload"] for row in rows) == sorted(event["payload"] for event in kept)
    received = {json.loads(event["payload"])["messageId"]: event["received_at"] for event in kept}
    assert {row["message_id"]: row["received_at"] for row in rows} == received
    known = set(users(company))
    assert {row["user_id"] for row in rows if row["user_id"]} <= known
    assert all(row["user_id"] or row["anonymous_id"] for row in rows)
    assert any(row["consent"] for row in rows)
    assert any(row["region"] for row in rows)
    assert any(row["traits"] for row in rows if row["type"] == "identify")


def test_the_profiles_are_the_companys(segment: Segment, spooled: Spooled, company: Company) -> None:
    kept = {row["user_id"]: json.loads(row["traits"]) for row in company.tables["segment.profiles"].to_pylist()}
    rows = spooled(segment, "profiles", subjects=sorted(kept)).pylist
    assert {row["user_id"]: json.loads(row["traits"]) for row in rows} == kept


def test_the_external_ids_are_the_companys(segment: Segment, spooled: Spooled, company: Company) -> None:
    kept = company.tables["segment.profile_external_ids"].to_pylist()
    rows = spooled(segment, "profile_external_ids", subjects=users(company)).pylist

    def sorted_by_key(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(items, key=lambda item: (item["user_id"], item["type"], item["id"]))

    assert sorted_by_key(rows) == sorted_by_key(kept)


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "http_error", "status": 503, "times": 3, "after": 10},
        {"name": "rate_limited", "retry_after": 1, "times": 4},
        {"name": "connection_dropped", "times": 3, "after": 5},
    ],
    ids=lambda fault: str(fault["name"]),
)
def test_a_passing_fault_loses_nobody(
    sandbox: Running, segment: Segment, spooled: Spooled, company: Company, fault: dict[str, Any]
) -> None:
    sandbox.faults({"system": "segment", **fault})
    rows = spooled(segment, "profiles", subjects=users(company)).pylist
    assert [row["user_id"] for row in rows] == users(company)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"name": "http_error", "status": 500, "times": None}, Unreachable, "keeps answering 500"),
        ({"name": "malformed_page", "how": "cut"}, MalformedAnswer, "not a JSON object"),
        ({"name": "malformed_page", "how": "html"}, MalformedAnswer, "not a JSON object"),
        ({"name": "malformed_page", "how": "empty"}, MalformedAnswer, "not a JSON object"),
        ({"name": "error_body_with_200"}, MalformedAnswer, "without traits"),
        ({"name": "rate_limited", "times": None}, RateLimited, "no calls left"),
        ({"name": "connection_dropped", "times": None}, Unreachable, "breaks off"),
    ],
    ids=lambda value: f"{value['name']}-{value.get('how', '')}" if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_is_one_clear_error(
    sandbox: Running,
    segment: Segment,
    spooled: Spooled,
    company: Company,
    fault: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    sandbox.faults({"system": "segment", **fault})
    with pytest.raises(error, match=words) as caught:
        spooled(segment, "profiles", subjects=users(company))
    assert sandbox.environment()["SEGMENT_ACCESS_TOKEN"] not in str(caught.value)
    assert not any(user in str(caught.value) for user in users(company))


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("SEGMENT_ACCESS_TOKEN", AccessDenied, "SEGMENT_ACCESS_TOKEN"),
        ("SEGMENT_SPACE_ID", ConfigurationError, "SEGMENT_SPACE_ID"),
    ],
)
def test_a_wrong_setting_is_named_on_connecting(
    sandbox: Running, name: str, error: type[SourceError], words: str
) -> None:
    source = Segment.from_environment({**sandbox.environment(), name: "wrong-value-here"})
    with pytest.raises(error, match=words) as caught:
        source.connect()
    assert "wrong-value-here" not in str(caught.value)


def test_the_next_day_brings_its_new_files_only(spooled: Spooled) -> None:
    with running(people=20) as sandbox:
        source = Segment.from_environment(sandbox.environment())
        source.connect()
        first = spooled(source, "events")
        landed = {
            file["path"]: LandedFile(file["size_bytes"], file["modified_at"], file["hash"]) for file in first.files
        }
        assert spooled(source, "events", landed_files=landed).files == []
        sandbox.advance()
        second = spooled(source, "events", landed_files=landed)
        before, after = ({row["message_id"] for row in spool.pylist} for spool in (first, second))
        assert after - before
        assert not {file["path"] for file in second.files} & landed.keys()


def test_a_truncated_file_stops_the_reading_and_is_named(spooled: Spooled) -> None:
    with running(people=20) as sandbox:
        source = Segment.from_environment(sandbox.environment())
        sandbox.faults({"name": "archive_truncated", "times": 1})
        sandbox.advance()
        with pytest.raises(MalformedAnswer, match=r"\.gz: the gzip stream is broken after line"):
            spooled(source, "events")


def test_a_file_written_twice_brings_no_new_calls(spooled: Spooled) -> None:
    with running(people=20) as sandbox:
        source = Segment.from_environment(sandbox.environment())
        before = {row["message_id"] for row in spooled(source, "events").pylist}
        sandbox.faults({"name": "archive_duplicates"})
        sandbox.advance()
        spool = spooled(source, "events")
        twice = [file for file in spool.files if file["path"].endswith("-again.gz")]
        assert twice
        assert {file["hash"] for file in twice} <= {file["hash"] for file in spool.files if file not in twice}
        lived = {file["hash"]: file["rows"] for file in twice}
        assert len(spool.pylist) - sum(lived.values()) >= len({row["message_id"] for row in spool.pylist}) > len(before)
