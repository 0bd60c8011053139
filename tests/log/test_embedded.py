"""The embedded log: what is appended is read by its offset, through restarts, compaction, removal and damage."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log import LogBroken, LogCorrupt, LogError, LogHeld, compaction, files, partition, segments
from log import reader as reader_module
from log.base import DEAD_LETTERS, EVENTS
from log.compaction import compact
from log.files import read_mark
from log.reader import EmbeddedReader
from log.removal import remove
from log.writer import EmbeddedWriter
from tests.log.helpers import (
    HOUR_MS,
    Clock,
    append,
    block_starts,
    entries,
    numbered,
    payloads_of,
    read_all,
    segments_of,
)

pytestmark = pytest.mark.timeout(120)


def test_each_topic_has_offsets_of_its_own(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    writer.append({EVENTS: entries(b"a", b"b"), DEAD_LETTERS: entries(b"x")})
    append(writer, b"c")
    assert writer.ends() == {EVENTS: 3, DEAD_LETTERS: 1}
    reader = EmbeddedReader(tmp_path)
    assert read_all(reader) == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert read_all(reader, DEAD_LETTERS) == [(0, b"x")]
    assert read_all(reader, offset=2) == [(2, b"c")]
    writer.close()


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    reader = EmbeddedReader(tmp_path / "none")
    assert (reader.partitions(EVENTS), reader.end(EVENTS, 0)) == ([], 0)
    assert not reader.read(EVENTS, 0, 0).offsets


def test_a_reader_follows_the_writer(tmp_path: Path) -> None:
    writer, reader = EmbeddedWriter(tmp_path, segment_bytes=100), EmbeddedReader(tmp_path)
    place, found = 0, []
    for number in range(50):
        append(writer, *numbered(3, number * 3))
        batch = reader.read(EVENTS, 0, place)
        place, found = batch.next_offset, [*found, *batch.payloads]
    while (batch := reader.read(EVENTS, 0, place)).offsets:
        place, found = batch.next_offset, [*found, *batch.payloads]
    assert found == numbered(150)
    assert len(segments_of(tmp_path)) > 5
    writer.close()


def test_what_is_not_durable_yet_is_not_shown(tmp_path: Path) -> None:
    writer = partition.PartitionWriter(tmp_path / EVENTS / "000")
    writer.write([b"a"])
    reader = EmbeddedReader(tmp_path)
    assert read_all(reader) == []
    writer.sync()
    assert read_all(reader) == [(0, b"a")]
    writer.close()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    code = f"from pathlib import Path; from log.writer import EmbeddedWriter; EmbeddedWriter(Path({str(tmp_path)!r}))"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "LogHeld" in second.stderr
    with pytest.raises(LogHeld, match="written by another process"):
        EmbeddedWriter(tmp_path)
    other = EmbeddedWriter(tmp_path, partition=1)
    append(other, b"b")
    append(writer, b"a")
    assert sorted(payloads_of(tmp_path)) == [b"a", b"b"]
    other.close()
    writer.close()
    EmbeddedWriter(tmp_path).close()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_tail_is_cut_and_nothing_before_it(data: st.DataObject) -> None:
    commits = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    with TemporaryDirectory() as folder:
        root = Path(folder)
        writer, written = EmbeddedWriter(root), 0
        for count in commits:
            append(writer, *numbered(count, written))
            written += count
        # The next commit dies in the middle of its write: any number of its bytes, or zeros for them, are there.
        (path,) = segments_of(root)
        before = path.stat().st_size
        append(writer, *numbered(4, written))
        writer.close()
        whole = path.read_bytes()
        cut = data.draw(st.integers(before, len(whole) - 1))
        zeros = data.draw(st.booleans())
        path.write_bytes(whole[:cut] + (bytes(len(whole) - cut) if zeros else b""))
        mark = path.with_name("durable")
        mark.write_bytes(partition.encode_mark(written))
        again = EmbeddedWriter(root)
        assert not again.damage
        assert payloads_of(root) == numbered(written)
        append(again, b"after")
        again.close()
        assert payloads_of(root) == [*numbered(written), b"after"]


def _three_commits(root: Path) -> Path:
    writer = EmbeddedWriter(root)
    for commit in range(3):
        append(writer, *numbered(3, commit * 3))
    writer.close()
    (path,) = segments_of(root)
    return path


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("part", ["header", "body"])
@pytest.mark.parametrize("commit", [0, 1, 2], ids=["first", "middle", "last, acknowledged"])
def test_damage_is_named_and_never_cut(
    tmp_path: Path, commit: int, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = _three_commits(tmp_path)
    start = list(block_starts(path))[commit]
    _flip(path, start + (10 if part == "header" else 40))
    before = path.read_bytes()
    with caplog.at_level(logging.ERROR):
        writer = EmbeddedWriter(tmp_path)
    lost = range(commit * 3, commit * 3 + 3)
    assert [(found.start, found.lost, found.found) for found in writer.damage] == [(start, lost[0], lost[-1] + 1)]
    assert f"{path} at bytes {start:,}" in caplog.text
    assert path.read_bytes() == before
    # Events still come in, behind everything that was ever acknowledged.
    append(writer, b"after")
    assert writer.ends()[EVENTS] == 10
    writer.close()
    with pytest.raises(LogCorrupt, match=rf"{path.name} does not give offset {lost[0]}"):
        payloads_of(tmp_path)
    past = read_all(EmbeddedReader(tmp_path, past_damage=True))
    kept = [(number, payload) for number, payload in enumerate(numbered(9)) if number not in lost]
    assert past == [*kept, (9, b"after")]
    # The next start finds the damaged segment closed and has nothing to say of its own.
    EmbeddedWriter(tmp_path).close()


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path, segment_bytes=1)
    for number in range(4):
        append(writer, *numbered(1, number))
    writer.close()
    segments_of(tmp_path)[1].unlink()
    with pytest.raises(LogCorrupt, match="does not give offset 1"):
        payloads_of(tmp_path)
    assert read_all(EmbeddedReader(tmp_path, past_damage=True))[1:] == [(2, b"record-2"), (3, b"record-3")]
    segments_of(tmp_path)[0].unlink()
    with pytest.raises(LogCorrupt, match="no file for offsets 0 to 1"):
        payloads_of(tmp_path)
    assert read_all(EmbeddedReader(tmp_path, past_damage=True)) == [(2, b"record-2"), (3, b"record-3")]


def test_a_full_disk_takes_the_commit_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EmbeddedWriter(tmp_path)
    append(writer, b"a")
    real = os.pwrite

    def full(handle: int, data: memoryview, position: int) -> int:
        if len(data) < 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data[: len(data) // 2], position)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(LogError, match=r"No space left.*make room"):
            append(writer, b"lost" * 50)
    append(writer, b"b")
    writer.close()
    assert payloads_of(tmp_path) == [b"a", b"b"]


def test_a_failed_fsync_ends_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EmbeddedWriter(tmp_path)
    append(writer, b"a")

    def fails(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(partition, "_sync", fails)
        with pytest.raises(LogBroken, match="look at its disk"):
            append(writer, b"b")
    # The kernel forgets a failed write once it told of it, so a second fsync that succeeds proves nothing.
    with pytest.raises(LogBroken, match="restart"):
        append(writer, b"c")
    assert payloads_of(tmp_path) == [b"a"]
    writer.close()


def test_hours_become_parquet_files_with_the_same_records(tmp_path: Path) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, segment_bytes=60, clock=clock)
    for hour in range(3):
        for commit in range(4):
            append(writer, *numbered(2, hour * 8 + commit * 2))
        clock.ms += HOUR_MS
    append(writer, b"now")
    made = compact(tmp_path)
    assert [path.name for path in made] == [f"{base:020d}-{base + 8:020d}.parquet" for base in (0, 8, 16)]
    assert compact(tmp_path) == []
    assert len(segments_of(tmp_path)) == 1
    table = pq.read_table(made[1])
    assert table.column("offset").to_pylist() == list(range(8, 16))
    assert {value.hour for value in table.column("written_at").to_pylist()} == {(clock.ms // HOUR_MS - 2) % 24}
    assert payloads_of(tmp_path) == [*numbered(24), b"now"]
    append(writer, b"later")
    writer.close()
    assert payloads_of(tmp_path)[-2:] == [b"now", b"later"]


def test_an_idle_hour_ends_too(tmp_path: Path) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    append(writer, b"a")
    clock.ms += HOUR_MS
    writer.tick()
    assert [path.name for path in compact(tmp_path)] == [f"{0:020d}-{1:020d}.parquet"]
    writer.close()
    assert payloads_of(tmp_path) == [b"a"]


def test_an_hour_with_damage_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    for number in range(3):
        append(writer, *numbered(1, number))
    clock.ms += HOUR_MS
    append(writer, b"now")
    damaged = segments_of(tmp_path)[0]
    _flip(damaged, list(block_starts(damaged))[1] + 40)
    before = damaged.read_bytes()
    assert compact(tmp_path) == []
    assert damaged.read_bytes() == before
    assert "not compacted" in caplog.text
    writer.close()


@pytest.mark.parametrize("known", [True, False], ids=["note", "no note"])
def test_a_damaged_header_does_not_end_the_collection(
    tmp_path: Path, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    path = _three_commits(tmp_path)
    _flip(path, 9)
    if not known:
        path.with_name("durable").unlink()
    before = path.read_bytes()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    assert f"{path} at bytes 0 to 28 (no record)" in caplog.text
    append(writer, b"after")
    # Nothing of it is lost: each block has its own offsets and checksum.
    assert payloads_of(tmp_path) == [*numbered(9), b"after"]
    assert path.read_bytes() == before
    # Closed now, it stands in the way of no other hour.
    clock.ms += HOUR_MS
    append(writer, b"now")
    (made,) = compact(tmp_path)
    assert made.name == f"{9:020d}-{10:020d}.parquet"
    assert "is not compacted" in caplog.text
    assert payloads_of(tmp_path) == [*numbered(9), b"after", b"now"]
    writer.close()


def test_a_new_segment_without_a_header_is_made_anew(tmp_path: Path) -> None:
    EmbeddedWriter(tmp_path).close()
    (path,) = segments_of(tmp_path)
    path.write_bytes(b"")
    writer = EmbeddedWriter(tmp_path)
    append(writer, b"a")
    writer.close()
    assert read_all(EmbeddedReader(tmp_path)) == [(0, b"a")]


def test_a_damaged_header_of_the_open_segment_leaves_its_log_as_it_is(tmp_path: Path) -> None:
    path = _three_commits(tmp_path)
    _flip(path, 9)
    assert compact(tmp_path) == []
    assert payloads_of(tmp_path) == numbered(9)


def test_the_last_block_is_written_once_more_when_a_log_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _three_commits(tmp_path)
    last = list(block_starts(path))[-1]
    written: list[tuple[int, int]] = []
    real = os.pwrite

    def pwrite(handle: int, data: bytes, position: int) -> int:
        written.append((position, len(data)))
        return real(handle, data, position)

    before = path.read_bytes()
    monkeypatch.setattr(os, "pwrite", pwrite)
    EmbeddedWriter(tmp_path).close()
    assert (last, len(before) - last) in written
    assert path.read_bytes() == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("count", [0, 3], ids=["empty", "full"])
def test_a_segment_that_cannot_be_begun_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, count: int
) -> None:
    """Whether it fails before or after the new name is there: what is acknowledged can be read."""
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    for number in range(count):
        append(writer, *numbered(1, number))
    real = segments.replace_durably

    def fails(draft: Path, path: Path) -> None:
        if when == "after":
            real(draft, path)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    clock.ms += HOUR_MS
    with monkeypatch.context() as patch:
        patch.setattr(segments, "replace_durably", fails)
        with pytest.raises(LogError, match="cannot begin a new segment"):
            writer.tick()
    if when == "before":
        append(writer, b"kept")
        assert payloads_of(tmp_path) == [*numbered(count), b"kept"]
    else:
        with pytest.raises(LogBroken):
            append(writer, b"lost")
        writer.close()
        writer = EmbeddedWriter(tmp_path, clock=clock)
        append(writer, b"kept")
        assert payloads_of(tmp_path) == [*numbered(count), b"kept"]
    writer.close()


def _compacted(root: Path, *, records: int = 60) -> Path:
    clock = Clock()
    writer = EmbeddedWriter(root, clock=clock)
    append(writer, *numbered(records))
    clock.ms += HOUR_MS
    append(writer, b"now")
    writer.close()
    (path,) = compact(root)
    return path


def test_a_flipped_byte_of_a_compacted_hour_is_never_read_as_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_PAUSE_SECONDS", 0.0)
    path = _compacted(tmp_path)
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    unnoticed = 0
    for position in range(0, len(whole), 3):
        _flip(path, position)
        try:
            assert payloads_of(tmp_path, step=100) == [*numbered(60), b"now"]
            unnoticed += position < footer
        except LogCorrupt as error:
            assert str(path) in str(error)  # noqa: PT017
        # What the reader is told to pass, it passes.
        if position % 60 == 0:
            assert read_all(EmbeddedReader(tmp_path, past_damage=True), step=100)[-1] == (60, b"now")
        path.write_bytes(whole)
    # In headers of pages, and times, which a reader does not ask for; a changed record is none of them.
    assert unnoticed < footer / 3 / 2


def test_removal_goes_on_past_a_damaged_file_and_names_it(tmp_path: Path) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    for _ in range(4):
        append(writer, b"bob", b"eve")
        writer.append({DEAD_LETTERS: entries(b"bob")})
        clock.ms += HOUR_MS
        writer.tick()
    writer.close()
    first, second = segments_of(tmp_path)[:2]
    _flip(second, 60)
    hour = compact(tmp_path)[0]
    assert not first.exists()
    hour.write_bytes(hour.read_bytes()[:-20])
    with pytest.raises(LogError) as told:
        remove(tmp_path, lambda payload: payload == b"bob")
    assert str(hour) in str(told.value)
    assert str(second) in str(told.value)
    assert "(2 of events, 4 of dead_letters are)" in str(told.value)
    assert not list(tmp_path.rglob("*.draft"))


def test_removal_begins_a_new_segment_also_without_a_note_of_what_is_durable(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    append(writer, b"bob", b"eve")
    writer.close()
    for path in tmp_path.rglob("durable"):
        path.write_bytes(b"half")
    assert remove(tmp_path, lambda payload: payload == b"bob")[EVENTS] == 1
    assert payloads_of(tmp_path) == [b"eve"]


def test_a_compaction_that_fails_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    append(writer, b"a")
    clock.ms += HOUR_MS
    append(writer, b"now")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "replace_durably", full)
    with pytest.raises(OSError, match="No space left"):
        compact(tmp_path)
    assert not list(tmp_path.rglob("*.draft"))
    writer.close()


def test_a_compaction_holds_few_bytes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    for number in range(6):
        append(writer, b"%d" % number * 1000)
    clock.ms += HOUR_MS
    append(writer, b"now")
    writer.close()
    monkeypatch.setattr(compaction, "BYTES_A_GROUP", 2000)
    (path,) = compact(tmp_path)
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    assert payloads_of(tmp_path) == [*(b"%d" % number * 1000 for number in range(6)), b"now"]


def test_a_persons_records_leave_every_file_and_offsets_stay(tmp_path: Path) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, segment_bytes=200, clock=clock)
    people = [b'{"user_id":"%s","n":%d}' % (b"bob" if number % 3 == 0 else b"eve", number) for number in range(60)]
    for number, payload in enumerate(people):
        append(writer, payload)
        writer.append({DEAD_LETTERS: entries(payload)})
        if number == 30:
            clock.ms += HOUR_MS
    writer.close()
    assert compact(tmp_path)
    removed = remove(tmp_path, lambda payload: b'"bob"' in payload)
    assert removed == {EVENTS: 20, DEAD_LETTERS: 20}
    kept = [(number, payload) for number, payload in enumerate(people) if number % 3]
    assert read_all(EmbeddedReader(tmp_path)) == kept
    assert read_all(EmbeddedReader(tmp_path), offset=31) == [item for item in kept if item[0] >= 31]
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix == ".log":
            assert b"bob" not in path.read_bytes(), path
    assert remove(tmp_path, lambda payload: b'"bob"' in payload) == {EVENTS: 0, DEAD_LETTERS: 0}
    again = EmbeddedWriter(tmp_path)
    assert not again.damage
    append(again, b"next")
    again.close()
    assert read_all(EmbeddedReader(tmp_path))[-1] == (60, b"next")


def test_records_leave_beside_a_running_writer(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from log.writer import EmbeddedWriter\n"
        f"writer = EmbeddedWriter(Path({str(tmp_path)!r}))\n"
        "writer.append({'events': [('k', b'bob'), ('k', b'eve')]}); print('ready', flush=True)\n"
        "while True: writer.tick(); time.sleep(0.02)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            assert remove(tmp_path, lambda payload: payload == b"bob")[EVENTS] == 1
            assert payloads_of(tmp_path) == [b"eve"]
        finally:
            process.kill()


def test_a_writer_that_does_not_answer_is_named(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    append(writer, b"bob")
    with pytest.raises(LogError, match="did not begin a new segment"):
        remove(tmp_path, lambda _: True, timeout_seconds=0.2)
    writer.close()


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 6)),
        st.tuples(st.just("hour"), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0)),
        st.tuples(st.just("compact"), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 4)),
    ),
    max_size=14,
)


@given(operations=OPERATIONS, offset=st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_whatever_happens_each_offset_gives_its_record(operations: list[tuple[str, int]], offset: int) -> None:
    with TemporaryDirectory() as folder:
        root, clock = Path(folder), Clock()
        writer = EmbeddedWriter(root, segment_bytes=90, clock=clock)
        model: dict[int, bytes] = {}
        end = 0
        reader = EmbeddedReader(root)
        for name, argument in operations:
            if name == "append":
                append(writer, *numbered(argument, end))
                model |= dict(enumerate(numbered(argument, end), start=end))
                end += argument
            elif name == "hour":
                clock.ms += HOUR_MS
                writer.tick()
            elif name == "compact":
                compact(root)
            else:
                writer.close()
                if name == "remove":
                    remove(root, lambda payload, last=b"%d" % argument: payload.endswith(last))  # type: ignore[misc]
                    model = {key: value for key, value in model.items() if not value.endswith(b"%d" % argument)}
                writer = EmbeddedWriter(root, segment_bytes=90, clock=clock)
                assert not writer.damage
            assert read_all(reader) == sorted(model.items())
        assert read_all(reader, offset=offset) == sorted(item for item in model.items() if item[0] >= offset)
        assert read_mark(root / EVENTS / "000") == end
        reader.close()
        writer.close()


@pytest.mark.parametrize("compacted", [False, True])
def test_a_log_of_another_user_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compacted: bool
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    _compacted(tmp_path)
    reader = EmbeddedReader(tmp_path)
    if compacted:
        monkeypatch.setattr(pq, "ParquetFile", refused)
    else:
        monkeypatch.setattr(files, "read_mark", refused)
        with pytest.raises(LogError, match="as the user that runs the collector"):
            reader.end(EVENTS, 0)
    with pytest.raises(LogError, match="as the user that runs the collector") as told:
        reader.read(EVENTS, 0, 0)
    assert not isinstance(told.value, LogCorrupt), "nobody gives up what is only not theirs to read"


def test_the_log_is_for_its_owner_only(tmp_path: Path) -> None:
    EmbeddedWriter(tmp_path / "log").close()
    for path in (tmp_path / "log").rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0, path
