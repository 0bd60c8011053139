"""Files in memory that all workers share."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from log.files import make_folder


def mapped(path: Path, size: int) -> mmap.mmap:
    """Open or make a file of ``size`` bytes; one of another size is begun anew, all zeros. Raises OSError."""
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(handle).st_size != size:
            os.ftruncate(handle, 0)
            _reserve(handle, size)
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)


def _reserve(handle: int, size: int) -> None:
    """All of its bytes now, where the system can promise that: a disk full later must not fail a write to memory."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.ftruncate(handle, size)
