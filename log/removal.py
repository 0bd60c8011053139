"""One person's records leave the log: every file that holds one is written anew without it.

Offsets stay: in a segment a record of length 0 keeps the place, in Parquet the row is gone. A kill at any moment leaves
each file either as it was or without the records, and the removal is simply asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from log import LogError, LogHeld, files, segments
from log.base import TOPICS
from log.blocks import Block, encode
from log.compaction import ROWS_A_GROUP, upkeep_lock
from log.files import DRAFT, ROTATE, Piece
from log.partition import PartitionWriter

_POLL_SECONDS = 0.05

Matches = Callable[[bytes], bool]


def remove(
    root: Path, matches: Matches, *, topics: Sequence[str] = TOPICS, timeout_seconds: float = 60.0
) -> dict[str, int]:
    """Remove every durable record for which ``matches(payload)``; returns how many by topic.

    Works beside a running writer, which is asked to begin a new segment first; LogError when it does not within
    ``timeout_seconds``. What arrives after the call began may need another one.
    """
    removed = dict.fromkeys(topics, 0)
    with upkeep_lock(root):
        for topic in topics:
            for partition in files.partitions(root, topic):
                folder = files.partition_folder(root, topic, partition)
                open_base = _close_open_segment(folder, timeout_seconds)
                for piece in files.pieces(folder):
                    if piece.base < open_base:
                        removed[topic] += _rewrite(piece, matches)
    return removed


def _close_open_segment(folder: Path, timeout_seconds: float) -> int:
    """Have the writer, or be the writer for a moment, begin a new segment; the base of the one that is open now."""
    asked_at = files.read_mark(folder) or 0
    deadline = time.monotonic() + timeout_seconds
    asked = folder / ROTATE
    while True:
        kept = files.pieces(folder)
        if kept and not kept[-1].is_parquet and kept[-1].base >= asked_at:
            return kept[-1].base
        try:
            writer = PartitionWriter(folder)
        except LogHeld:
            asked.touch()
        else:
            try:
                writer.rotate()
            finally:
                writer.close()
            asked.unlink(missing_ok=True)
            continue
        if time.monotonic() > deadline:
            raise LogError(
                f"The process that writes {folder} did not begin a new segment within {timeout_seconds:.0f} s: see "
                "that it is alive, then ask again."
            )
        time.sleep(_POLL_SECONDS)


def _rewrite(piece: Piece, matches: Matches) -> int:
    return _rewrite_parquet(piece.path, matches) if piece.is_parquet else _rewrite_segment(piece.path, matches)


def _rewrite_segment(path: Path, matches: Matches) -> int:
    found = sum(matches(payload) for block in segments.blocks(path) for _, payload in block.records())
    if not found:
        return 0
    draft = path.with_name(path.name + DRAFT)
    with draft.open("wb") as file:
        file.write(segments.header(int(path.stem), segments.created_ms(path)))
        for block in segments.blocks(path):
            file.write(_without(block, matches))
    files.replace_durably(draft, path)
    return found


def _without(block: Block, matches: Matches) -> bytes:
    payloads = [b""] * block.count
    for offset, payload in block.records():
        if not matches(payload):
            payloads[offset - block.first] = payload
    return encode(block.first, block.written_ms, payloads, removed=True)


def _rewrite_parquet(path: Path, matches: Matches) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    groups = range(file.metadata.num_row_groups)
    if not any(matches(payload) for group in groups for payload in _payloads(file, group)):
        return 0
    draft, found = path.with_name(path.name + DRAFT), 0
    with pq.ParquetWriter(draft, file.schema_arrow, compression="zstd") as writer:
        for group in groups:
            keep = [not matches(payload) for payload in _payloads(file, group)]
            found += keep.count(False)
            if any(keep):
                writer.write_table(file.read_row_group(group).filter(pa.array(keep)), row_group_size=ROWS_A_GROUP)
    files.replace_durably(draft, path)
    return found


def _payloads(file: Any, group: int) -> list[bytes]:
    return list(file.read_row_group(group, columns=["payload"]).column("payload").to_pylist())
