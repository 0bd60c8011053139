"""Columns hold what reading one by one does, whatever was removed, and wherever the reading begins and stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log import columns
from log.base import EVENTS
from log.blocks import decode, encode
from log.compaction import compact
from log.reader import EmbeddedReader
from log.removal import remove
from log.writer import EmbeddedWriter
from tests.log.helpers import HOUR_MS, Clock, append, numbered, read_all

pytestmark = pytest.mark.timeout(60)

COMMITS = st.lists(st.lists(st.binary(max_size=9), min_size=1, max_size=6), max_size=5)


@settings(max_examples=60, deadline=None)
@given(COMMITS, st.integers(0, 30))
def test_blocks_become_columns(commits: list[list[bytes]], skipped: int) -> None:
    blocks, first = [], 7
    for payloads in commits:
        block = decode(encode(first, 0, payloads, removed=True))
        assert block is not None
        blocks.append(block)
        first = block.next_offset
    found = columns.of_blocks(blocks, 7 + skipped, first)
    wanted = [record for block in blocks for record in block.records() if record[0] >= 7 + skipped]
    assert list(zip(*columns.listed(found), strict=True)) == wanted
    assert found.next_offset == first


@pytest.mark.parametrize("most", [{"max_records": 3, "max_bytes": 1 << 30}, {"max_records": 1 << 30, "max_bytes": 30}])
def test_small_steps_give_everything_once_through_rotation_and_removal(tmp_path: Path, most: dict[str, int]) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path, clock=clock)
    for start in range(0, 60, 6):
        append(writer, *numbered(6, start))
        if start == 30:
            clock.ms += HOUR_MS
            writer.tick()
    writer.close()
    assert compact(tmp_path), "one hour is over"
    assert remove(tmp_path, lambda payload: payload.endswith(b"7"))[EVENTS] == 6
    reader = EmbeddedReader(tmp_path)
    found: list[tuple[int, bytes]] = []
    place = steps = 0
    while place < reader.end(EVENTS, 0):
        step = reader.columns(EVENTS, 0, place, **most)
        assert len(step.offsets) <= (9 if most["max_records"] == 3 else 36), "a block or a row group more at most"
        found += zip(*columns.listed(step), strict=True)
        place, steps = step.next_offset, steps + 1
    assert steps > 4
    assert found == read_all(reader)
    assert [payload for _, payload in found] == [p for p in numbered(60) if not p.endswith(b"7")]
    reader.close()
