"""The files of one partition: their names, and the few ways in which they are made and replaced.

    00000000000000004711.log                           a segment, whose first record has offset 4711
    00000000000000004711-00000000000000009000.parquet   an hour of segments, compacted: offsets 4711 to 8999
    durable                                            the offset behind the last durable record
    writer.lock                                        held by the one process that appends
    rotate                                             somebody asks the writer to begin a new segment

The segment with the highest offset is written; all others are closed. A Parquet file counts before the segments it was
made from, which a kill may have left behind.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(\d{20})(?:-(\d{20}))?\.(log|parquet)")
DURABLE = "durable"
LOCK = "writer.lock"
ROTATE = "rotate"
DRAFT = ".draft"


@dataclass(frozen=True, order=True, slots=True)
class Piece:
    """A file with records from offset ``base`` on; ``end`` is the offset behind its last, None for a segment."""

    base: int
    end: int | None
    path: Path

    @property
    def is_parquet(self) -> bool:
        """Compacted?"""
        return self.end is not None


def partition_folder(root: Path, topic: str, partition: int) -> Path:
    """Where a partition lives below the log's folder."""
    return root / topic / f"{partition:03d}"


def partitions(root: Path, topic: str) -> list[int]:
    """The partitions a topic has on disk."""
    folder = root / topic
    if not folder.is_dir():
        return []
    return sorted(int(child.name) for child in folder.iterdir() if child.name.isdigit() and child.is_dir())


def segment_path(folder: Path, base: int) -> Path:
    """The name of a segment."""
    return folder / f"{base:020d}.log"


def parquet_path(folder: Path, base: int, end: int) -> Path:
    """The name of a compacted hour."""
    return folder / f"{base:020d}-{end:020d}.parquet"


def pieces(folder: Path) -> list[Piece]:
    """The files that hold the partition, by offset; segments that a Parquet file replaced are left out."""
    found = _listed(folder)
    covered = [piece for piece in found if piece.is_parquet]
    kept = [piece for piece in found if piece.is_parquet or not _replaced(piece, covered)]
    return sorted(kept, key=lambda piece: piece.base)


def leftovers(folder: Path) -> list[Path]:
    """What a kill left behind: drafts, and segments that a Parquet file replaced already."""
    found = _listed(folder)
    covered = [piece for piece in found if piece.is_parquet]
    replaced = [piece.path for piece in found if not piece.is_parquet and _replaced(piece, covered)]
    return [*replaced, *(path for path in folder.glob(f"*{DRAFT}"))]


def _listed(folder: Path) -> list[Piece]:
    found = []
    for name in os.listdir(folder) if folder.is_dir() else ():
        if match := _NAME.fullmatch(name):
            base, end, kind = match.groups()
            if (kind == "parquet") == (end is not None):
                found.append(Piece(int(base), int(end) if end else None, folder / name))
    return found


def _replaced(segment: Piece, compacted: list[Piece]) -> bool:
    return any(piece.end is not None and piece.base <= segment.base < piece.end for piece in compacted)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable: files that were made, renamed or removed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder with all above it, durably; payloads are personal, so only for the owner."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True, mode=0o700)
        sync_folder(path.parent)


def replace_durably(draft: Path, path: Path) -> None:
    """Put a finished draft in the place of ``path``: after a kill or a power cut it is the one or the other, whole."""
    handle = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    sync_folder(path.parent)


def encode_mark(offset: int) -> bytes:
    """The content of ``durable``: the offset and its checksum, so that half of it is never taken for an offset."""
    raw = offset.to_bytes(8, "little")
    return raw + zlib.crc32(raw).to_bytes(4, "little")


def read_mark(folder: Path) -> int | None:
    """The offset behind the last durable record as the writer published it, or None when there is no such note."""
    try:
        content = (folder / DURABLE).read_bytes()
    except FileNotFoundError:
        return None
    raw, checksum = content[:8], content[8:12]
    if len(content) != 12 or zlib.crc32(raw).to_bytes(4, "little") != checksum:
        return None
    return int.from_bytes(raw, "little")
