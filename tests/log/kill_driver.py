"""Lives through a log's life in child processes that die at the n-th thing they ask of the disk.

    python -m tests.log.kill_driver FOLDER FIRST STEP

Child n works in FOLDER/n and appends every acknowledged payload to FOLDER/n.acked; it dies before or, every other one,
after its n-th call. Ends with the first child that lives to the end; that one's number is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before the forks, so that each child need not.
import pyarrow.parquet  # noqa: F401

from log.base import DEAD_LETTERS, EVENTS
from log.compaction import compact
from log.removal import remove
from log.writer import EmbeddedWriter
from tests.log.helpers import HOUR_MS, Clock, entries, numbered

CALLS = ("pwrite", "fsync", "fdatasync", "replace", "unlink", "ftruncate", "truncate")
GONE = b"record-7"


def life(root: Path, acked: Path) -> None:
    """Append, an hour passes, append, compact, remove one record, append."""
    clock = Clock()
    number = 0
    with acked.open("ab", buffering=0) as file:

        def appends(writer: EmbeddedWriter, commits: int) -> None:
            nonlocal number
            for _ in range(commits):
                payloads = numbered(3, number)
                writer.append({EVENTS: entries(*payloads), DEAD_LETTERS: entries(*payloads[:1])})
                file.write(b"".join(payload + b"\n" for payload in payloads))
                number += 3

        writer = EmbeddedWriter(root, segment_bytes=150, clock=clock)
        appends(writer, 5)
        clock.ms += HOUR_MS
        appends(writer, 2)
        compact(root)
        writer.close()
        remove(root, lambda payload: payload == GONE)
        writer = EmbeddedWriter(root, segment_bytes=150, clock=clock)
        appends(writer, 2)
        writer.close()


def dying_at(step: int) -> None:
    """Make the ``step``-th of the calls to the disk the last thing this process does."""
    count = 0

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == step and step % 2:
                if real is originals["pwrite"]:
                    # Half of it arrives.
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
                os._exit(9)
            result = real(*arguments, **named)
            if count == step:
                os._exit(9)
            return result

        return call

    originals = {name: getattr(os, name) for name in CALLS if hasattr(os, name)}
    for name, real in originals.items():
        setattr(os, name, wrap(real))
    from log import partition

    partition._sync = os.fdatasync if hasattr(os, "fdatasync") else os.fsync


def main() -> None:
    """Fork a child for each step until one lives."""
    folder, first, stride = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    step = first
    while True:
        child = os.fork()
        if child == 0:
            dying_at(step)
            life(folder / str(step), folder / f"{step}.acked")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != 9:
            sys.stdout.write(f"{step} {os.waitstatus_to_exitcode(status)}\n")
            return
        step += stride


if __name__ == "__main__":
    main()
