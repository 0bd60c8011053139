"""Closed segments become one Parquet file an hour: smaller, and readable by anything.

Columns: ``offset`` (int64), ``written_at`` (timestamp, UTC), ``payload`` (binary: UTF-8 JSON).
``python -m log.compaction FOLDER`` does it for a whole log; the collector starts that after each hour.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from log import LogCorrupt, files, hours, segments
from log.base import TOPICS
from log.files import DRAFT, Piece

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)
ROWS_A_GROUP = 65_536
# What is held in memory until it is written.
BYTES_A_GROUP = 64 * 1024 * 1024
_UPKEEP_LOCK = "upkeep.lock"


@contextmanager
def upkeep_lock(root: Path) -> Iterator[None]:
    """Held while closed files are replaced: one compaction or removal at a time."""
    import filelock

    files.make_folder(root)
    with filelock.FileLock(root / _UPKEEP_LOCK):
        yield


def schema() -> pa.Schema:
    """The columns of a compacted hour."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "offset": pa.int64(),
        "written_at": pa.timestamp("ms", tz="UTC"),
        "payload": pa.binary(),
    }
    return pa.schema(types)


def compact(root: Path) -> list[Path]:
    """Compact every hour that is over, in all topics and partitions; returns the files made.

    An hour with damage in it is left as it is, with a line in the log of the program. A kill leaves the segments or
    the finished file, never half of it.
    """
    made: list[Path] = []
    with upkeep_lock(root):
        for topic in TOPICS:
            for partition in files.partitions(root, topic):
                made += _compact_partition(files.partition_folder(root, topic, partition))
    return made


def _compact_partition(folder: Path) -> Iterator[Path]:
    kept = files.pieces(folder)
    if not kept or kept[-1].is_parquet:
        return
    try:
        open_hour = _hour(kept[-1])
    except LogCorrupt as error:
        # Its writer, once started anew, begins another behind it.
        logger.error("nothing is compacted beside it: %s", error)
        return
    ends = [following.base for following in kept[1:]]
    closed = [(piece, end) for piece, end in zip(kept, ends, strict=False) if not piece.is_parquet]
    for hour, group in groupby(closed, key=lambda item: _hour_or_none(item[0])):
        of_hour = list(group)
        if hour is None or hour == open_hour:
            continue
        base, end = of_hour[0][0].base, of_hour[-1][1]
        try:
            yield _write(folder, [piece for piece, _ in of_hour], base, end)
        except LogCorrupt as error:
            logger.error("an hour is not compacted: %s", error)


def _hour(piece: Piece) -> int:
    return segments.created_ms(piece.path) // segments.HOUR_MS


def _hour_or_none(piece: Piece) -> int | None:
    try:
        return _hour(piece)
    except LogCorrupt as error:
        logger.error("a segment is not compacted: %s", error)
        return None


def _write(folder: Path, group: list[Piece], base: int, end: int) -> Path:
    path = files.parquet_path(folder, base, end)
    draft = path.with_name(path.name + DRAFT)
    try:
        _fill(draft, group, base, end)
        files.replace_durably(draft, path)
    except BaseException:
        # It holds what people sent, and no removal would look for it there.
        draft.unlink(missing_ok=True)
        raise
    for piece in group:
        piece.path.unlink()
    files.sync_folder(folder)
    return path


def _fill(draft: Path, group: list[Piece], base: int, end: int) -> None:
    import pyarrow as pa

    expected, held = base, 0
    with hours.writer(draft, schema()) as writer:
        offsets: list[int] = []
        times: list[int] = []
        payloads: list[bytes] = []

        def flush() -> None:
            if offsets:
                writer.write_table(pa.table([offsets, times, payloads], schema=schema()), row_group_size=ROWS_A_GROUP)
                for column in (offsets, times, payloads):
                    column.clear()

        for piece in group:
            if piece.base != expected:
                raise LogCorrupt(f"{piece.path} does not follow on offset {expected - 1:,}: a file is missing.")
            for block in segments.blocks(piece.path):
                expected = block.next_offset
                for offset, payload in block.records():
                    offsets.append(offset)
                    times.append(block.written_ms)
                    payloads.append(payload)
                held += block.size
                if len(offsets) >= ROWS_A_GROUP or held >= BYTES_A_GROUP:
                    flush()
                    held = 0
        flush()
    if expected != end:
        raise LogCorrupt(f"{group[-1].path} ends before offset {end - 1:,}: restore this file from a backup.")


def main() -> None:
    """Compact the log in the folder that the command line names, behind everything else the computer does."""
    os.nice(10)
    compact(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
