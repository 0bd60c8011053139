"""Segment's stand-in: the Profile API by plain requests, and the archive as files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.timeout(60)

MIDNIGHTS = {"2025-12-30": "1767052800000", "2025-12-31": "1767139200000", "2026-01-05": "1767571200000"}


def get(server: Any, key: str, what: str, *, token: str = "sandbox-token", **params: Any) -> requests.Response:
    url = f"{server.url}/v1/spaces/sandbox/collections/users/profiles/{requests.utils.quote(key, safe=':')}/{what}"
    return requests.get(url, params=params, auth=(token, ""), timeout=10)


class TestProfiles:
    def test_traits_come_in_pages(self, server: Any) -> None:
        first = get(server, "user_id:u1", "traits").json()
        assert (len(first["traits"]), first["cursor"]["has_more"], first["cursor"]["limit"]) == (10, True, 10)
        traits = dict(first["traits"])
        page = first
        while page["cursor"]["has_more"]:
            page = get(server, "user_id:u1", "traits", next=page["cursor"]["next"]).json()
            traits |= page["traits"]
        assert traits == {f"trait_{n:02}": n for n in range(25)} | {
            "email": "u1@example.com",
            "address": {"city": "Köln"},
        }
        whole = get(server, "user_id:u1", "traits", limit=200).json()
        assert whole["traits"] == traits
        assert not whole["cursor"]["has_more"]
        assert get(server, "user_id:u1", "traits", include="email").json()["traits"] == {"email": "u1@example.com"}

    def test_external_ids(self, server: Any) -> None:
        answer = get(server, "user_id:u1", "external_ids", limit=2).json()
        assert answer["data"][0] == {
            "source_id": "web",
            "collection": "users",
            "id": "u1",
            "type": "user_id",
            "created_at": "2025-12-01T08:30:05.000Z",
            "encoding": "none",
        }
        last = get(server, "user_id:u1", "external_ids", limit=2, next=answer["cursor"]["next"]).json()
        assert [row["type"] for row in last["data"]] == ["anonymous_id"]
        assert not last["cursor"]["has_more"]

    def test_metadata(self, server: Any) -> None:
        metadata = get(server, "user_id:u1", "metadata").json()["metadata"]
        assert (metadata["created_at"], metadata["updated_at"]) == (
            "2025-12-01T08:30:05.000Z",
            "2025-12-01T08:30:07.000Z",
        )

    @pytest.mark.parametrize("key", ["email:u1+home@example.com", "anonymous_id:a:b/c"])
    def test_any_of_its_ids_finds_a_profile(self, server: Any, key: str) -> None:
        assert get(server, key, "traits", include="email").json()["traits"] == {"email": "u1@example.com"}

    @pytest.mark.parametrize("key", ["user_id:nobody", "email:u1 home@example.com", "anonymous_id:u1"])
    def test_not_found(self, server: Any, key: str) -> None:
        answer = get(server, key, "traits")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert answer.headers["Request-Id"]

    def test_a_wrong_token_or_space(self, server: Any) -> None:
        wrong = get(server, "user_id:u1", "traits", token="wrong")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "authentication_error")
        url = f"{server.url}/v1/spaces/other/collections/users/profiles/user_id:u1/traits"
        assert requests.get(url, auth=("sandbox-token", ""), timeout=10).status_code == 404

    def test_bad_parameters(self, server: Any) -> None:
        for params in ({"limit": 0}, {"limit": "x"}, {"next": "x"}):
            answer = get(server, "user_id:u1", "traits", **params)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")

    def test_faults(self, server: Any) -> None:
        server.fault("rate_limited", system="segment", retry_after=3)
        limited = get(server, "user_id:u1", "traits")
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
        assert limited.json()["error"]["code"] == "rate_limit_error"
        server.fault("error_body_with_200", system="segment")
        assert get(server, "user_id:u1", "traits").json()["error"]["code"] == "api_error"
        server.fault("reused_locator", system="segment")
        assert get(server, "user_id:u1", "traits", next="10").json()["cursor"]["next"] == "10"
        server.fault("same_page_twice", system="segment")
        second = get(server, "user_id:u1", "traits", next="10").json()
        assert second["traits"] == get(server, "user_id:u1", "traits").json()["traits"]
        assert server.control("GET", "calls")["segment"] == {"traits": 5}


def files(archive: Path) -> dict[str, bytes]:
    return {str(path.relative_to(archive)): path.read_bytes() for path in sorted(archive.rglob("*.*"))}


def messages(body: bytes) -> list[str]:
    return [json.loads(line)["messageId"] for line in gzip.decompress(body).decode().splitlines()]


class TestArchive:
    def test_layout_and_content(self, server: Any) -> None:
        found = {path: messages(body) for path, body in files(server.archive).items()}
        assert found == {
            f"segment-logs/web/{MIDNIGHTS['2025-12-30']}/2025-12-30T00-0001.gz": ["m1"],
            f"segment-logs/web/{MIDNIGHTS['2025-12-31']}/2025-12-31T00-0001.gz": ["m2", "m3"],
            f"segment-logs/web/{MIDNIGHTS['2026-01-05']}/2026-01-05T04-0001.gz": ["m4"],
            f"segment-logs/web/{MIDNIGHTS['2026-01-05']}/2026-01-05T05-0001.gz": ["m5"],
            f"segment-logs/web/{MIDNIGHTS['2026-01-05']}/2026-01-05T06-0001.gz": ["m7"],
            f"segment-logs/server/{MIDNIGHTS['2026-01-05']}/2026-01-05T05-0001.gz": ["m6"],
        }
        body = next(iter(files(server.archive).values()))
        assert body[4:8] == b"\0\0\0\0"
        assert '"Élan"'.encode() in gzip.decompress(body)

    def test_a_new_day_adds_files_and_changes_none(self, own_server: Any) -> None:
        before = files(own_server.archive)
        own_server.control("POST", "advance")
        after = files(own_server.archive)
        assert {path: after[path] for path in before} == before
        new = {path: messages(body) for path, body in after.items() if path not in before}
        assert sorted(name for found in new.values() for name in found) == ["m8", "m9"]
        assert f"segment-logs/web/{MIDNIGHTS['2026-01-05']}/2026-01-05T06-0002.gz" in new

    def test_days_lived_and_a_day_begun_at_make_the_same_files(self, own_server: Any, tmp_path: Path) -> None:
        from sandbox.faults import Faults
        from sandbox.segment.archive import write_archive

        own_server.control("POST", "advance")
        company = own_server.company
        again = tmp_path / "again"
        clock = company.clock.replace(tzinfo=None)
        events = company.tables["segment.events"]
        assert write_archive(again, events, company.day, clock, Faults()) == 8
        assert write_archive(again, events, company.day, clock, Faults()) == 0
        assert files(again) == files(own_server.archive)

    def test_files_that_are_cut_or_come_again(self, own_server: Any) -> None:
        own_server.fault("archive_duplicates", times=1)
        own_server.fault("archive_truncated", times=1, after=1)
        before = files(own_server.archive)
        own_server.control("POST", "advance")
        after = files(own_server.archive)
        first, again, cut = (after[path] for path in sorted(set(after) - set(before)))
        assert first == again
        with pytest.raises(EOFError):
            gzip.decompress(cut)
