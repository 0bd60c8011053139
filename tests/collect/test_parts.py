"""The parts that requests share: the window of message ids, keys and their rates, counters."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect import CollectError
from collect.keys import KeyFile, WriteKey, hashed
from collect.limits import Keys, Source
from collect.metrics import BOUNDS, Metrics
from collect.window import Window, digest
from log import files


def test_a_window_knows_what_it_was_told_and_nothing_else(tmp_path: Path) -> None:
    window = Window(tmp_path / "window", slots=1 << 12)
    known = [digest("web", str(number)) for number in range(1000)]
    window.add(known)
    assert all(item in window for item in known)
    assert not any(digest("app", str(number)) in window for number in range(1000))
    window.close()
    again = Window(tmp_path / "window", slots=1 << 12)
    assert all(item in again for item in known)
    # Another size cannot be read as this one.
    assert known[0] not in Window(tmp_path / "window", slots=1 << 13)


def test_a_window_forgets_few_before_half_of_it_is_newer(tmp_path: Path) -> None:
    slots = 1 << 15
    window = Window(tmp_path / "window", slots=slots)
    old = [digest("web", f"old{number}") for number in range(2000)]
    window.add(old)
    window.add(digest("web", f"new{number}") for number in range(slots // 2))
    # One in 3,000 is expected.
    assert sum(item not in window for item in old) <= 8
    window.add(digest("web", f"newer{number}") for number in range(slots * 2))
    assert sum(item in window for item in old) <= 8


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    rate=st.integers(1, 5000),
    takes=st.lists(st.tuples(st.integers(1, 2500), st.floats(0.0, 20.0)), max_size=30),
)
def test_a_source_gives_away_no_more_than_its_rate_and_its_burst(rate: int, takes: list[tuple[int, float]]) -> None:
    clock = Clock()
    source = Source(WriteKey("0" * 64, "web", rate, ""), 1.0, clock)
    given_away = 0
    for events, pause in takes:
        clock.now += pause
        if source.take(events) == 0:
            given_away += events
    assert given_away <= max(rate * 10, 2500) + rate * clock.now + 1


@given(rate=st.integers(1, 5000), events=st.integers(1, 2500))
def test_who_waits_as_long_as_told_is_let_in(rate: int, events: int) -> None:
    clock = Clock()
    source = Source(WriteKey("0" * 64, "web", rate, ""), 1.0, clock)
    while source.take(events) == 0:
        pass
    clock.now += source.take(events)
    assert source.take(events) == 0


def test_a_worker_gives_away_its_part_of_a_rate() -> None:
    clock = Clock()
    half = Source(WriteKey("0" * 64, "web", 10_000, ""), 0.5, clock)
    assert half.take(50_000) == 0
    assert half.take(5000) == 1
    assert half.take(15_000) == 3


def test_a_key_that_changes_its_neighbours_keeps_its_level(tmp_path: Path) -> None:
    clock, file = Clock(), KeyFile(tmp_path / "keys.json")
    key, _ = file.add("web", rate=1)
    keys = Keys(file, clock=clock)
    found = keys.find(key)
    assert found is not None
    assert found.take(2500) == 0
    file.add("app")
    clock.now += 1.5
    assert keys.find(key) is found
    assert found.take(100) > 0
    assert keys.count() == 2


def test_keys_are_found_by_their_hash_only(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    made, entry = file.add("web")
    keys = Keys(file)
    assert keys.find(made) is not None
    for wrong in (entry.sha256, made[:-1], made.upper(), "", "\udcff", "k" * 100_000):
        assert keys.find(wrong) is None
    assert hashed(made) == entry.sha256
    # An id that two keys begin with revokes neither.
    with pytest.raises(CollectError, match="No key has"):
        file.revoke("")


def test_keys_outlive_a_file_that_is_away_for_a_moment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock, path = Clock(), tmp_path / "keys.json"
    file = KeyFile(path)
    key, entry = file.add("web")
    keys, away = Keys(file, clock=clock), tmp_path / "away"
    path.rename(away)
    for _ in range(3):
        clock.now += 2
        assert keys.find(key) is not None
    # Told, and once.
    assert caplog.text.count("is missing") == 1
    away.rename(path)
    file.revoke(entry.key_id)
    clock.now += 2
    assert keys.find(key) is None
    # A collector that began without any has none to keep.
    assert Keys(KeyFile(away)).count() == 0


def test_a_key_that_nobody_would_look_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="at most 256"):
        KeyFile(tmp_path / "keys.json").add("web", key="k" * 257)
    key, _ = KeyFile(tmp_path / "keys.json").add("web", key="k" * 256)
    assert Keys(KeyFile(tmp_path / "keys.json")).find(key) is not None


def test_new_folders_are_durable_with_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    Window(tmp_path / "a" / "b" / "window", slots=32)
    assert synced == [tmp_path, tmp_path / "a"]
    synced.clear()
    Metrics(tmp_path / "c" / "d" / "metrics")
    assert synced == [tmp_path, tmp_path / "c"]
    synced.clear()
    KeyFile(tmp_path / "e" / "keys.json").add("web")
    assert synced == [tmp_path, tmp_path / "e"]


def test_counters_of_workers_are_summed(tmp_path: Path) -> None:
    workers = [Metrics(tmp_path / "metrics", worker=number, workers=3) for number in range(3)]
    seconds = random.Random(1).choices([0.0005, 0.001, 0.3, 99.0], k=50)
    for number, took in enumerate(seconds):
        workers[number % 3].answered(200 if number % 2 else 418, took)
    for each in workers:
        assert each.value("requests:200") == 25
        assert each.value("requests:other") == 25
        text = each.text([("keys", "Keys.", 2)])
        assert f"braid_collect_request_seconds_count {len(seconds)}" in text
        within = sum(took <= BOUNDS[0] for took in seconds)
        assert f'braid_collect_request_seconds_bucket{{le="{BOUNDS[0]}"}} {within}' in text
        assert "braid_collect_keys 2" in text
    # They go on after a restart, as counters do.
    assert Metrics(tmp_path / "metrics", worker=0, workers=3).value("requests:200") == 25
