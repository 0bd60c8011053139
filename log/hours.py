"""The Parquet file of an hour: written with a checksum for each page, and read with every fault as LogCorrupt.

The checksums cover the records. The footer, which says where they are, has none in Parquet: so nothing is believed of
it that the records tell as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from log import LogCorrupt

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of an hour."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever a damaged file makes the reader of Parquet say is LogCorrupt; a file that is gone stays that."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise
    except (
        pa.ArrowException,
        OSError,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        MemoryError,
        OverflowError,
    ) as error:
        # Not the message: it may quote what the file holds.
        raise LogCorrupt(
            f"{path} is damaged ({type(error).__name__}): restore this file from a backup, or read on past it where "
            "the reader offers that."
        ) from None


class Hour:
    """One file, open; ``groups`` are its row groups. LogCorrupt when something in it is damaged."""

    def __init__(self, path: Path) -> None:
        """Read the footer, and every offset."""
        import pyarrow.parquet as pq

        self.path = path
        base, end = (int(part) for part in path.stem.split("-"))
        # The first and last offset of each group, as the records have them.
        self.bounds: list[tuple[int, int]] = []
        with _told(path):
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            self.schema = self._file.schema_arrow
            before, rows = base - 1, 0
            for group in range(self._file.metadata.num_row_groups):
                numbers = self._read(group, ["offset"])[0]
                if not numbers or any(
                    later <= number for number, later in zip((before, *numbers), numbers, strict=False)
                ):
                    raise ValueError
                self.bounds.append((numbers[0], numbers[-1]))
                before, rows = numbers[-1], rows + len(numbers)
            if before >= end or rows != self._file.metadata.num_rows:
                raise ValueError

    def _read(self, group: int, columns: Sequence[str]) -> list[list[Any]]:
        rows = self._file.read_row_group(group, columns=list(columns))
        return [rows.column(name).to_pylist() for name in columns]

    def records(self, group: int) -> tuple[pa.Array[Any], pa.Array[Any]]:
        """Offsets (int64) and payloads (large_binary) of a row group."""
        import pyarrow as pa

        with _told(self.path):
            rows = self._file.read_row_group(group, columns=["offset", "payload"])
            offsets = rows.column("offset").combine_chunks().cast(pa.int64())
            payloads = rows.column("payload").combine_chunks().cast(pa.large_binary())
            if len(offsets) != len(payloads) or payloads.null_count:
                raise ValueError
            return offsets, payloads

    def payloads(self, group: int) -> list[bytes]:
        """Payloads of a row group, one by one."""
        found: list[bytes] = self.records(group)[1].to_pylist()  # type: ignore[assignment]
        return found

    def table(self, group: int) -> pa.Table:
        """All columns of a row group."""
        with _told(self.path):
            return self._file.read_row_group(group)
