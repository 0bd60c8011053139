"""Where a source puts what it read before the warehouse is opened: files on local disk, flat in memory.

CSV pages stay bytes as they came, but for NUL bytes, which Salesforce sends now and then and no reader takes. Typed
rows go to Parquet, one file for each set of columns. A spool lives in a folder named after its process; folders of
processes that no longer run are what a crash left behind, and are removed by the next spool.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from extract.source import ObjectInfo
from warehouse.base import CsvPages, ParquetFiles

IS_DELETED = "_is_deleted"


@dataclass(frozen=True)
class FileRead:
    """A source file that was read whole; times are naive UTC."""

    path: str
    size_bytes: int
    modified_at: datetime | None
    content_hash: str
    rows: int


class DiskSpool:
    """One object's rows of one window. Use as a context manager: leaving it removes the files."""

    def __init__(self, info: ObjectInfo, root: Path) -> None:
        """Make a folder below ``root``; nothing else yet."""
        self._info = info
        remove_stale(root)
        root.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        self._pages: list[Path] = []
        self._writers: dict[tuple[str, ...], tuple[Path, pa.Schema, pq.ParquetWriter]] = {}
        self.gone_keys: list[pa.Table] = []
        self.scopes: list[dict[str, str]] = []
        self.expected_csv_rows: int | None = None
        self.files: list[FileRead] = []

    def csv_page(self, chunks: Callable[[Callable[[bytes], object]], None]) -> None:
        """Write one page; see ``Spool.csv_page``."""
        path = self.folder / f"page-{len(self._pages):06d}.csv"
        with path.open("wb", buffering=1 << 20) as file:
            chunks(lambda data: file.write(data if b"\0" not in data else data.replace(b"\0", b"")))
        self._pages.append(path)

    def expect(self, csv_rows: int) -> None:
        """Remember the source's count; see ``Spool.expect``."""
        self.expected_csv_rows = csv_rows

    def rows(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add typed rows; see ``Spool.rows``."""
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        wanted = {field.name: field.type for field in self._info.schema} | {IS_DELETED: pa.bool_()}
        table = table.cast(pa.schema({name: wanted[name] for name in table.column_names}))
        columns = tuple(table.column_names)
        if columns not in self._writers:
            path = self.folder / f"rows-{len(self._writers):06d}.parquet"
            writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            self._writers[columns] = (path, table.schema, writer)
        self._writers[columns][2].write_table(table)

    def gone(self, keys: pa.Table) -> None:
        """Remember keys that no longer exist; see ``Spool.gone``."""
        if keys.num_rows:
            self.gone_keys.append(keys)

    def whole(self, scope: Mapping[str, str]) -> None:
        """Remember that the batch is all there is in ``scope``; see ``Spool.whole``."""
        self.scopes.append(dict(scope))

    def file_done(
        self, path: str, *, size_bytes: int, modified_at: datetime | None, content_hash: str, rows: int
    ) -> None:
        """Remember a file as read; see ``Spool.file_done``."""
        self.files.append(FileRead(path, size_bytes, modified_at, content_hash, rows))

    def parts(self) -> list[CsvPages | ParquetFiles]:
        """What there is to land; closes the files, so nothing can be added afterwards."""
        parts: list[CsvPages | ParquetFiles] = []
        if self._pages:
            parts.append(CsvPages(tuple(self._pages), self._info.schema))
        for path, schema, writer in self._writers.values():
            writer.close()
            parts.append(ParquetFiles((path,), schema))
        return parts

    def __enter__(self) -> DiskSpool:
        """The spool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files, read or not."""
        for _, _, writer in self._writers.values():
            with suppress(OSError, pa.ArrowException):
                writer.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_stale(root: Path) -> None:
    """Remove spools of processes that no longer run."""
    for folder in root.glob("*-*"):
        pid = folder.name.split("-", 1)[0]
        if pid.isdigit() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
