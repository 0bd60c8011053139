"""Segment: calls as clients really send them, broken files, and profiles behind a Profile API."""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import responses
from pyarrow import fs

from extract.source import (
    AccessDenied,
    ConfigurationError,
    LandedFile,
    MalformedAnswer,
    RateLimited,
    SourceError,
    Unreachable,
)
from extract.sources.segment import Segment, archive
from extract.sources.segment.archive import Archive
from extract.sources.segment.profiles import ProfileApi

URL = "https://profiles.example"
TOKEN = "space-token-very-secret"
DAY = datetime(2026, 1, 4, tzinfo=UTC)
Spooled = Callable[..., Any]


def write(root: Path, name: str, *lines: str | bytes | dict[str, Any], source: str = "web", cut: int = 0) -> Path:
    """A file of the archive, as Segment lays it out; ``cut`` drops so many bytes at its end."""
    path = root / "segment-logs" / source / str(int(DAY.timestamp() * 1000)) / f"{name}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    ]
    body = gzip.compress(b"\n".join(texts) + b"\n")
    path.write_bytes(body[: len(body) - cut])
    return path


def call(message_id: str | None, **more: Any) -> dict[str, Any]:
    own = {"type": "track", "event": "Seen", "userId": "u1", "receivedAt": "2026-01-04T10:00:00.000Z"} | more
    return own if message_id is None else own | {"messageId": message_id}


@pytest.fixture
def events(tmp_path: Path, spooled: Spooled) -> Callable[..., Any]:
    """Read the archive under ``tmp_path``."""

    def read(**more: Any) -> Any:
        return spooled(Segment(Archive(tmp_path.as_uri()), None), "events", **more)

    return read


# Events.


def test_a_call_becomes_a_row_with_its_line_beside_it(tmp_path: Path, events: Callable[..., Any]) -> None:
    line = (
        '{"type":"track", "event":"Order Completed","userId":"u1","anonymousId":"a1","messageId":"m1",'
        '"timestamp":"2026-01-04T09:59:58.250Z","originalTimestamp":"2026-01-04T11:59:58+02:00",'
        '"sentAt":"2026-01-04T09:59:59Z","receivedAt":"2026-01-04T10:00:00.000Z","properties":{"total":12.50},'
        '"context":{"location":{"country":"DE"},"consent":{"categoryPreferences":{"marketing":false}}}}'
    )
    write(tmp_path, "one", line)
    assert events().pylist == [
        {
            "message_id": "m1",
            "type": "track",
            "event": "Order Completed",
            "user_id": "u1",
            "anonymous_id": "a1",
            "timestamp": datetime(2026, 1, 4, 9, 59, 58, 250_000),
            "original_timestamp": datetime(2026, 1, 4, 9, 59, 58),
            "sent_at": datetime(2026, 1, 4, 9, 59, 59),
            "received_at": datetime(2026, 1, 4, 10),
            "context": '{"location":{"country":"DE"},"consent":{"categoryPreferences":{"marketing":false}}}',
            "properties": '{"total":12.5}',
            "traits": None,
            "consent": '{"categoryPreferences":{"marketing":false}}',
            "region": "DE",
            "source": "segment_archive",
            "payload": line,
        }
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-04T09:00:00Z", datetime(2026, 1, 4, 9)),
        ("2026-01-04T09:00:00.123Z", datetime(2026, 1, 4, 9, 0, 0, 123_000)),
        ("2026-01-04T09:00:00.487252+00:00", datetime(2026, 1, 4, 9, 0, 0, 487_252)),
        ("2026-01-04T09:00:00+00:00", datetime(2026, 1, 4, 9)),
        ("2026-01-04T09:00:00-05:00", datetime(2026, 1, 4, 14)),
        ("2026-01-04T09:00:00", datetime(2026, 1, 4, 9)),
        (1767517200000, datetime(2026, 1, 4, 9)),
        (None, datetime(2026, 1, 4, 10)),
        ("", datetime(2026, 1, 4, 10)),
        ("a while ago", datetime(2026, 1, 4, 10)),
    ],
)
def test_times_come_in_many_forms_and_missing_ones_are_when_received(
    tmp_path: Path, events: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, written: Any, read: datetime
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    write(tmp_path, "one", call("m1", timestamp=written), call("m2", originalTimestamp=written))
    rows = events().pylist
    assert rows[0]["timestamp"] == read
    assert rows[1]["original_timestamp"] == (None if read == datetime(2026, 1, 4, 10) else read)


def test_a_call_without_a_received_time_was_received_on_its_files_day(
    tmp_path: Path, events: Callable[..., Any]
) -> None:
    write(tmp_path, "one", {"type": "page", "messageId": "m1"})
    row = events().pylist[0]
    assert row["received_at"] == row["timestamp"] == datetime(2026, 1, 4)


@pytest.mark.parametrize(
    ("written", "read"),
    [("u1", "u1"), (" u1 ", "u1"), (17, "17"), ("", None), (" ", None), ("null", None), ("NULL", None), (None, None)],
)
def test_blank_ids_are_no_ids(tmp_path: Path, events: Callable[..., Any], written: Any, read: str | None) -> None:
    write(tmp_path, "one", call("m1", userId=written, anonymousId=written))
    row = events().pylist[0]
    assert (row["user_id"], row["anonymous_id"]) == (read, read)


@pytest.mark.parametrize(
    ("own", "context", "read"),
    [
        ({"email": "a@b.example"}, None, {"email": "a@b.example"}),
        (None, {"traits": {"email": "a@b.example"}}, {"email": "a@b.example"}),
        (
            {"plan": "pro"},
            {"traits": {"email": "a@b.example", "plan": "free"}},
            {"email": "a@b.example", "plan": "pro"},
        ),
        ("pro", {"traits": []}, None),
        (None, "nothing", None),
    ],
    ids=["segment", "rudder", "both", "neither is an object", "a context that is none"],
)
def test_traits_are_found_where_either_library_puts_them(
    tmp_path: Path, events: Callable[..., Any], own: Any, context: Any, read: Any
) -> None:
    write(tmp_path, "one", call("m1", type="identify", traits=own, context=context))
    traits = events().pylist[0]["traits"]
    assert (traits and json.loads(traits)) == read


def test_consent_and_region_not_told_are_null(tmp_path: Path, events: Callable[..., Any]) -> None:
    write(
        tmp_path,
        "one",
        call("m1"),
        call("m2", context=None),
        call("m3", context={"consent": None, "location": {"country": ""}}),
        call("m4", context={"location": "at home"}),
    )
    assert {(row["consent"], row["region"]) for row in events().pylist} == {(None, None)}


def test_a_call_without_an_id_gets_the_same_one_each_time(tmp_path: Path, events: Callable[..., Any]) -> None:
    write(tmp_path, "one", call(None), call("", event="Other"))
    write(tmp_path, "again", call(None))
    ids = [row["message_id"] for row in events().pylist]
    assert ids[0] == ids[1] != ids[2]
    assert all(key.startswith("braid-") for key in ids)
    assert ids == [row["message_id"] for row in events().pylist]


def test_long_files_are_read_in_blocks_of_whole_lines(
    tmp_path: Path, events: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(archive, "ROWS_A_TABLE", 5)
    calls = [call(f"m{i}", properties={"text": "é\u2028" * (i % 700)}) for i in range(100)]
    write(tmp_path, "one", *calls)
    spool = events()
    assert [json.loads(row["payload"]) for row in spool.pylist] == calls
    assert len(spool.tables) > 10
    assert spool.files[0]["rows"] == 100


def test_blank_lines_windows_ends_and_several_gzip_members_are_fine(tmp_path: Path, events: Callable[..., Any]) -> None:
    path = write(tmp_path, "one", json.dumps(call("m1")) + "\r", "", "  ")
    path.write_bytes(path.read_bytes() + gzip.compress(json.dumps(call("m2")).encode()))
    assert [json.loads(row["payload"])["messageId"] for row in events().pylist] == ["m1", "m2"]
    assert not events().pylist[0]["payload"].endswith("\r")


def test_an_empty_file_is_read_once(tmp_path: Path, events: Callable[..., Any]) -> None:
    path = tmp_path / "segment-logs" / "web" / "0" / "empty.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b""))
    spool = events()
    assert spool.tables == []
    assert [file["rows"] for file in spool.files] == [0]


def test_only_new_and_changed_files_are_opened(tmp_path: Path, events: Callable[..., Any]) -> None:
    first, second = write(tmp_path, "one", call("m1")), write(tmp_path, "two", call("m2"))
    landed = {
        file["path"]: LandedFile(file["size_bytes"], file["modified_at"], file["hash"]) for file in events().files
    }
    assert sorted(landed) == sorted([str(first), str(second)])
    assert events(landed_files=landed).files == []

    write(tmp_path, "three", call("m3"))
    write(tmp_path, "two", call("m2"), call("m4"))
    os.utime(second, (1_800_000_000, 1_800_000_000))
    again = events(landed_files=landed)
    assert sorted(row["message_id"] for row in again.pylist) == ["m2", "m3", "m4"]
    assert {file["path"] for file in again.files} == {str(second), str(tmp_path / second.parent / "three.gz")}


def test_the_hash_of_a_file_is_of_its_bytes(tmp_path: Path, events: Callable[..., Any]) -> None:
    write(tmp_path, "one", call("m1"))
    write(tmp_path, "two", call("m1"))
    write(tmp_path, "three", call("m2"))
    one, three, two = sorted(events().files, key=lambda file: str(file["path"]))
    assert one["hash"] == two["hash"] != three["hash"]


@pytest.mark.parametrize(
    ("broken", "rule", "words"),
    [
        ('{"type":"track",', "json", "not a JSON object"),
        ("[1]", "json", "not a JSON object"),
        ("null", "json", "not a JSON object"),
        (b'{"event":"\xff"}', "utf8", "not UTF-8"),
        ('{"receivedAt":"soon"}', "type:received_at", "receivedAt is not a time"),
    ],
    ids=["cut", "a list", "null", "not text", "no time"],
)
@pytest.mark.parametrize("block", [8 << 20, 90], ids=["one block", "many blocks"])
def test_a_broken_line_goes_to_quarantine_and_the_others_land(
    tmp_path: Path,
    events: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    broken: str | bytes,
    rule: str,
    words: str,
    block: int,
) -> None:
    monkeypatch.setattr(archive, "BLOCK_BYTES", block)
    path = write(tmp_path, "one", call("m1"), "", broken, call("m2"))
    spool = events()
    assert [row["message_id"] for row in spool.pylist] == ["m1", "m2"]
    (rejected,) = spool.rejected
    assert (rejected.rule, rejected.position) == (rule, f"{path}, line 3")
    assert f"line 3: {words}" in rejected.reason
    json.loads(rejected.payload)
    assert spool.files[0]["rows"] == 2


@pytest.mark.parametrize("cut", [4, 60], ids=["in the trailer", "in the data"])
def test_a_truncated_file_is_named_with_how_far_it_went(tmp_path: Path, events: Callable[..., Any], cut: int) -> None:
    path = write(tmp_path, "one", *(call(f"m{i}", properties={"n": i * 7919}) for i in range(50)), cut=cut)
    with pytest.raises(MalformedAnswer, match="gzip stream is broken after line") as error:
        events()
    assert str(path) in str(error.value)


def test_a_file_that_is_not_gzip_is_named(tmp_path: Path, events: Callable[..., Any]) -> None:
    write(tmp_path, "one", call("m1")).write_bytes(b'{"messageId":"m1"}\n')
    with pytest.raises(MalformedAnswer, match=r"one\.gz: the gzip stream is broken"):
        events()


def test_any_file_system_will_do(tmp_path: Path, spooled: Spooled) -> None:
    """As on a bucket: paths have no leading slash and only the file system knows where they are."""
    write(tmp_path / "bucket", "one", call("m1"))
    store = Archive("s3://bucket")
    store.use(fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), "bucket")
    spool = spooled(Segment(store, None), "events")
    assert [row["message_id"] for row in spool.pylist] == ["m1"]
    assert spool.files[0]["path"].startswith("bucket/segment-logs/web/")


def test_the_address_may_be_the_log_folder_itself(tmp_path: Path, spooled: Spooled) -> None:
    write(tmp_path, "one", call("m1"))
    source = Segment(Archive((tmp_path / "segment-logs").as_uri()), None)
    source.connect()
    assert len(spooled(source, "events").pylist) == 1


@pytest.mark.parametrize("there", [True, False], ids=["a folder without logs", "no folder"])
def test_an_archive_that_is_none_is_a_wrong_setting(tmp_path: Path, there: bool) -> None:
    root = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(ConfigurationError, match="no folder segment-logs; check SEGMENT_ARCHIVE_URL"):
        Segment(Archive(root.as_uri()), None).connect()


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (OSError("AWS Error ACCESS_DENIED during ListObjectsV2 operation"), AccessDenied),
        (OSError("AWS Error NETWORK_CONNECTION during HeadBucket operation: curlCode: 6"), Unreachable),
        (OSError("AWS Error NO_SUCH_BUCKET during HeadObject operation"), ConfigurationError),
        (PermissionError("[Errno 13] Permission denied"), AccessDenied),
    ],
    ids=["denied", "network", "no bucket", "permissions"],
)
def test_what_a_file_system_says_becomes_a_named_error(
    monkeypatch: pytest.MonkeyPatch, raised: OSError, error: type[SourceError]
) -> None:
    def fail(*_: Any) -> Any:
        raise raised

    store = Archive("s3://bucket/prefix?region=eu-west-1")
    monkeypatch.setattr(Archive, "_filesystem", fail)
    with pytest.raises(error, match="s3://bucket/prefix") as caught:
        store.open()
    assert "region" not in str(caught.value)


# Profiles.


class FakeSpace:
    """A space behind the Profile API: traits by two a page, external ids by one."""

    def __init__(self) -> None:
        self.traits: dict[str, dict[str, Any]] = {}
        self.external_ids: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.urls: list[str] = []

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        url = urlsplit(str(request.url))
        self.urls.append(str(request.url))
        head, user, what = url.path.rsplit("/", 2)
        assert head == "/v1/spaces/spa1/collections/users/profiles"
        user = unquote(user).removeprefix("user_id:")
        self.asked.append(f"{what} {user}")
        if user not in self.traits:
            return 404, {}, json.dumps({"error": {"code": "not_found", "message": "The resource was not found."}})
        query = dict(item.split("=") for item in url.query.split("&"))
        start = int(query.get("next", "0"))
        size = 2 if what == "traits" else 1
        all_items: list[Any] = list(self.traits[user].items()) if what == "traits" else self.external_ids.get(user, [])
        more = start + size < len(all_items)
        page = all_items[start : start + size]
        body = {"traits": dict(page)} if what == "traits" else {"data": page}
        cursor = {"url": url.path, "has_more": more, "next": str(start + size) if more else "", "limit": size}
        return 200, {}, json.dumps(body | {"cursor": cursor})


@pytest.fixture
def space() -> Iterator[FakeSpace]:
    fake = FakeSpace()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback("GET", re.compile(URL + "/.*"), callback=fake.answer)
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def segment(waits: list[float]) -> Segment:
    return Segment(None, ProfileApi(URL, "spa1", TOKEN, sleep=waits.append))


def test_traits_are_read_to_their_last_page_as_stable_text(
    space: FakeSpace, segment: Segment, spooled: Spooled
) -> None:
    space.traits["u1"] = {"name": "Zoë", "email": "z@b.example", "age": 41, "vip": True, "tags": ["b", "a"]}
    space.traits["u2"] = {}
    rows = spooled(segment, "profiles", subjects=["u1", "u2"]).pylist
    text = '{"age":41,"email":"z@b.example","name":"Zoë","tags":["b","a"],"vip":true}'
    assert rows == [{"user_id": "u1", "traits": text}, {"user_id": "u2", "traits": "{}"}]


def test_external_ids_are_read_to_their_last_page(space: FakeSpace, segment: Segment, spooled: Spooled) -> None:
    space.traits["u1"] = {}
    own = {"source_id": "s1", "collection": "users", "created_at": "2025-12-24T18:00:00.5Z", "encoding": "none"}
    space.external_ids["u1"] = [own | {"type": "user_id", "id": "u1"}, own | {"type": "email", "id": "z@b.example"}]
    rows = spooled(segment, "profile_external_ids", subjects=["u1"]).pylist
    assert [(row["user_id"], row["type"], row["id"]) for row in rows] == [
        ("u1", "user_id", "u1"),
        ("u1", "email", "z@b.example"),
    ]
    assert rows[0]["created_at"] == datetime(2025, 12, 24, 18, 0, 0, 500_000)


def test_an_absent_profile_is_gone_and_not_asked_for_twice(
    space: FakeSpace, segment: Segment, spooled: Spooled
) -> None:
    space.traits["u1"] = {"a": 1}
    profiles = spooled(segment, "profiles", subjects=["u1", "u2", "u3"])
    ids = spooled(segment, "profile_external_ids", subjects=["u1", "u2", "u3"])
    assert [row["user_id"] for row in profiles.pylist] == ["u1"]
    assert profiles.gone_list == ids.gone_list == [{"user_id": "u2"}, {"user_id": "u3"}]
    assert sorted(space.asked) == ["external_ids u1", "traits u1", "traits u2", "traits u3"]


def test_a_space_that_knows_nobody_marks_nobody_gone(space: FakeSpace, segment: Segment, spooled: Spooled) -> None:
    assert spooled(segment, "profiles", subjects=["u1", "u2"]).gone_list == []
    with pytest.raises(ConfigurationError, match="knows none of 20 users; check SEGMENT_SPACE_ID"):
        spooled(segment, "profiles", subjects=[f"u{i}" for i in range(20)])


def test_a_page_sent_twice_does_no_harm(segment: Segment, spooled: Spooled) -> None:
    def page(traits: dict[str, Any], after: str) -> dict[str, Any]:
        return {"traits": traits, "cursor": {"has_more": bool(after), "next": after, "limit": 200}}

    with responses.RequestsMock() as mock:
        for answer in (page({"a": 1}, "2"), page({"a": 1}, "2"), page({"b": 2}, "")):
            mock.get(f"{URL}/v1/spaces/spa1/collections/users/profiles/user_id:u1/traits", json=answer)
        rows = spooled(segment, "profiles", subjects=["u1"]).pylist
    assert rows == [{"user_id": "u1", "traits": '{"a":1,"b":2}'}]


@responses.activate
def test_a_page_sent_over_and_over_is_noticed(segment: Segment, spooled: Spooled) -> None:
    url = f"{URL}/v1/spaces/spa1/collections/users/profiles/user_id:u1/external_ids"
    responses.get(url, json={"data": [], "cursor": {"has_more": True, "next": "x"}})
    with pytest.raises(MalformedAnswer, match="over and over"):
        spooled(segment, "profile_external_ids", subjects=["u1"])


def test_each_user_is_asked_for_once_in_the_order_given(space: FakeSpace, segment: Segment, spooled: Spooled) -> None:
    users = [f"u{i}" for i in range(1200)]
    space.traits |= {user: {"n": user} for user in users}
    rows = spooled(segment, "profiles", subjects=[*users, *users]).pylist
    assert [row["user_id"] for row in rows] == users
    assert len(space.asked) == 1200


def test_calls_stay_within_the_spaces_limit(
    space: FakeSpace, segment: Segment, spooled: Spooled, waits: list[float]
) -> None:
    users = [f"u{i}" for i in range(100)]
    space.traits |= {user: {} for user in users}
    spooled(segment, "profiles", subjects=users[:90])
    assert waits == []
    spooled(segment, "profiles", subjects=users[90:])
    assert waits


@pytest.mark.parametrize("user", ["a+b@c.example", "a/b", "ü", "a b?c#d", "..", "50%"])
def test_any_user_id_reaches_its_profile(space: FakeSpace, segment: Segment, spooled: Spooled, user: str) -> None:
    space.traits[user] = {"a": 1}
    assert [row["user_id"] for row in spooled(segment, "profiles", subjects=[user]).pylist] == [user]
    assert "+" not in space.urls[0]


def test_no_subjects_is_no_work(space: FakeSpace, segment: Segment, spooled: Spooled) -> None:
    assert spooled(segment, "profiles", subjects=[]).pylist == []
    assert spooled(segment, "profile_external_ids").pylist == []
    assert space.asked == []


PATH = f"{URL}/v1/spaces/spa1/collections/users/profiles/user_id:braid-connection-check/external_ids"
NOT_FOUND = {"error": {"code": "not_found", "message": "The resource was not found."}}


@responses.activate
def test_the_clock_is_the_profile_apis(segment: Segment) -> None:
    responses.get(PATH, status=404, json=NOT_FOUND, headers={"Date": "Mon, 05 Jan 2026 06:00:00 GMT"})
    segment.connect()
    assert segment.now() == datetime(2026, 1, 5, 6)


def test_with_the_archive_alone_the_clock_is_ours(tmp_path: Path) -> None:
    now = Segment(Archive(tmp_path.as_uri()), None).now()
    assert abs((datetime.now(UTC).replace(tzinfo=None) - now).total_seconds()) < 5
    assert now.microsecond == 0


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            401,
            {"error": {"code": "authentication_error", "message": f"bad {TOKEN}"}},
            AccessDenied,
            "SEGMENT_ACCESS_TOKEN",
        ),
        (403, None, AccessDenied, "SEGMENT_SPACE_ID"),
        (404, {"error": {"code": "not_found", "message": "The space was not found."}}, ConfigurationError, "SPACE_ID"),
        (404, {"message": "no such page"}, MalformedAnswer, "SEGMENT_PROFILE_URL"),
        (404, "<html>", MalformedAnswer, "SEGMENT_PROFILE_URL"),
        (200, "<html>", MalformedAnswer, "not a JSON object"),
        (500, {"error": {"message": "oops"}}, Unreachable, r"keeps answering 500 \(oops\)"),
        (429, {"error": {"code": "rate_limit_error"}}, RateLimited, "no calls left"),
    ],
    ids=[
        "wrong token",
        "forbidden",
        "wrong space",
        "wrong host",
        "wrong host, a page",
        "a page",
        "server fault",
        "throttled",
    ],
)
@responses.activate
def test_a_failing_answer_becomes_a_named_error(
    segment: Segment, status: int, body: Any, error: type[SourceError], words: str
) -> None:
    responses.get(PATH, status=status, **({"body": body} if isinstance(body, str) else {"json": body}))
    with pytest.raises(error, match=words) as caught:
        segment.connect()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_fault_is_tried_again_and_no_user_lost(
    space: FakeSpace, segment: Segment, spooled: Spooled, waits: list[float], status: int
) -> None:
    users = [f"u{i}" for i in range(20)]
    space.traits |= {user: {} for user in users}
    answer, struck = space.answer, set[str]()

    def sometimes(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        key = str(request.url)
        if "u1" in key and key not in struck:
            struck.add(key)
            return status, {"Retry-After": "2"}, "{}"
        return answer(request)

    space.answer = sometimes  # type: ignore[method-assign]
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback("GET", re.compile(URL + "/.*"), callback=sometimes)
        rows = spooled(segment, "profiles", subjects=users).pylist
    assert [row["user_id"] for row in rows] == users
    assert waits == [2.0] * 11


@pytest.mark.timeout(30)
def test_an_unreachable_host_ends_soon_and_names_no_user(spooled: Spooled, waits: list[float]) -> None:
    source = Segment(None, ProfileApi("http://127.0.0.1:9", "spa1", TOKEN, sleep=waits.append))
    with pytest.raises(Unreachable, match="cannot be reached: the connection fails; check SEGMENT_PROFILE_URL"):
        source.connect()
    with pytest.raises(Unreachable) as error:
        spooled(source, "profiles", subjects=[f"person{i}@b.example" for i in range(500)])
    assert "person" not in str(error.value)
    assert len(waits) < 100


@responses.activate
def test_an_error_about_a_user_does_not_name_them(segment: Segment, spooled: Spooled) -> None:
    responses.get(re.compile(URL + "/.*"), status=400, json={"error": {"message": "bad"}})
    with pytest.raises(SourceError, match="user_id:…/traits with 400") as error:
        spooled(segment, "profiles", subjects=["someone@b.example"])
    assert "someone" not in str(error.value)


@pytest.mark.parametrize(
    "item", [{"id": "x"}, {"type": "email", "id": 5}, {"type": "email", "id": "x", "created_at": "then"}]
)
def test_malformed_external_ids_are_refused(
    space: FakeSpace, segment: Segment, spooled: Spooled, item: dict[str, Any]
) -> None:
    space.traits["u1"] = {}
    space.external_ids["u1"] = [item]
    with pytest.raises(MalformedAnswer, match="external id"):
        spooled(segment, "profile_external_ids", subjects=["u1"])


# Settings.


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "Neither SEGMENT_ARCHIVE_URL"),
        ({"SEGMENT_SPACE_ID": "spa1"}, "SEGMENT_ACCESS_TOKEN is not set"),
        ({"SEGMENT_ACCESS_TOKEN": "x"}, "SEGMENT_SPACE_ID is not set"),
        ({"SEGMENT_ARCHIVE_URL": "/data/archive"}, "SEGMENT_ARCHIVE_URL must be file:"),
        ({"SEGMENT_ARCHIVE_URL": "s3://key:secret@bucket"}, "must not hold credentials"),
        (
            {"SEGMENT_SPACE_ID": "s", "SEGMENT_ACCESS_TOKEN": "x", "SEGMENT_PROFILE_URL": "p"},
            "SEGMENT_PROFILE_URL must",
        ),
    ],
    ids=["nothing", "no token", "no space", "no scheme", "credentials in the address", "wrong host"],
)
def test_a_wrong_setting_is_named_before_any_work(env: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Segment.from_environment(env)


@pytest.mark.parametrize(
    ("env", "name", "words"),
    [
        ({"SEGMENT_ARCHIVE_URL": "file:///a"}, "profiles", "SEGMENT_SPACE_ID and SEGMENT_ACCESS_TOKEN are not set"),
        ({"SEGMENT_SPACE_ID": "s", "SEGMENT_ACCESS_TOKEN": "x"}, "events", "SEGMENT_ARCHIVE_URL is not set"),
    ],
    ids=["profiles without a space", "events without an archive"],
)
def test_half_a_workspace_reads_its_half(env: dict[str, str], name: str, words: str) -> None:
    source = Segment.from_environment(env)
    with pytest.raises(ConfigurationError, match=words):
        source.describe(name)


def test_profiles_are_those_of_the_events_users() -> None:
    source = Segment.from_environment({"SEGMENT_SPACE_ID": "s", "SEGMENT_ACCESS_TOKEN": "x"})
    assert source.subjects_from("profiles") == source.subjects_from("profile_external_ids")
    assert source.subjects_from("profiles") == (("raw_events", "events"), "user_id")
    assert source.subjects_from("events") is None
