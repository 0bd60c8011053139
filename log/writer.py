"""The embedded log's writer: one process, one fsync for each commit and topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from log import LogError
from log.base import TOPICS, Entry
from log.files import partition_folder
from log.partition import SEGMENT_BYTES, PartitionWriter, now_ms


class EmbeddedWriter:
    """Appends to one partition of each topic below ``root``.

    Raises LogHeld when another process writes that partition. ``damage`` lists what was found wrong on opening: it is
    left as it is for readers to name, and writing goes on behind it.
    """

    def __init__(
        self,
        root: Path,
        *,
        partition: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Open and, after a kill, repair: a torn tail is cut, what a rename left behind is removed."""
        self.root = root
        self.partition = partition
        self._partitions: dict[str, PartitionWriter] = {}
        try:
            for topic in TOPICS:
                self._partitions[topic] = PartitionWriter(
                    partition_folder(root, topic, partition), segment_bytes, clock
                )
        except OSError as error:
            self.close()
            raise LogError(
                f"The log in {root} cannot be opened ({error.strerror or error}): give a folder that may be written to."
            ) from None
        except LogError:
            self.close()
            raise
        self.damage = [damage for opened in self._partitions.values() for damage in opened.damage]

    def append(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        """Append entries by topic and make them durable; LogError when they are not, or not known to be."""
        given = [(self._partitions[topic], items) for topic, items in entries.items() if items]
        for partition, items in given:
            partition.write([payload for _, payload in items])
        # All of them: one that failed half-way before may still have something to make durable.
        for partition in self._partitions.values():
            partition.sync()

    def tick(self) -> None:
        """Begin a new segment where the hour is over or somebody asks for it."""
        for partition in self._partitions.values():
            partition.tick()

    def ends(self) -> dict[str, int]:
        """By topic, the offset the next record gets."""
        return {topic: partition.next_offset for topic, partition in self._partitions.items()}

    def close(self) -> None:
        """Let go of files and locks; everything appended is durable already."""
        for partition in self._partitions.values():
            partition.close()
        self._partitions = {}
