"""Where a source puts what it read before the warehouse is opened: files on local disk, flat in memory.

CSV pages stay bytes as they came, but for NUL bytes, which Salesforce sends now and then and no reader takes. Typed
rows go to Parquet, one file for each set of columns. A spool lives in a folder named after its process; folders of
processes that no longer run are what a crash left behind, and are removed by the next spool.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from extract.source import MalformedAnswer, ObjectInfo, Reached, Rejected
from warehouse.base import CsvPages, ParquetFiles
from warehouse.csv_pages import split

IS_DELETED = "_is_deleted"
# Rejected rows are held in memory, and so many are no accident of single rows.
MOST_REJECTED = 100_000
# Small batches are collected until there are so many rows or bytes of them: a Parquet file of crumbs is slow to read.
GROUP = (20_000, 32 << 20)
# Where rows are only added there may be millions. So many are what DuckDB keeps together in a table: a group of the
# file is one thread's work there, and what it leaves over is written a second time, when DuckDB next tidies up.
LOG_GROUP = (122_880, 256 << 20)


@dataclass(frozen=True)
class FileRead:
    """A source file that was read whole; times are naive UTC."""

    path: str
    size_bytes: int
    modified_at: datetime | None
    content_hash: str
    rows: int
    unchanged: bool = False


class _Rows:
    """Typed rows with one set of columns, in one Parquet file, which a thread of its own writes."""

    def __init__(self, path: Path, schema: pa.Schema, group: tuple[int, int]) -> None:
        self.path = path
        self.schema = schema
        self._most_rows, self._most_bytes = group
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._written: Future[None] | None = None

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        rows, size = sum(t.num_rows for t in self._waiting), sum(t.nbytes for t in self._waiting)
        if rows >= self._most_rows or size >= self._most_bytes:
            waiting = pa.concat_tables(self._waiting)
            whole = rows - rows % self._most_rows or rows
            self._waiting = [waiting.slice(whole)] if whole < rows else []
            self._write(waiting.slice(0, whole))

    def finish(self) -> None:
        """Write what waits; whatever the disk refused is raised here at the latest."""
        if self._waiting:
            self._write(pa.concat_tables(self._waiting))
            self._waiting.clear()
        self._settle()
        self._thread.shutdown()
        self._writer.close()

    def abandon(self) -> None:
        self._thread.shutdown()
        with suppress(OSError, pa.ArrowException):
            self._writer.close()

    def _write(self, table: pa.Table) -> None:
        """One at a time, so that no more than two groups are in memory."""
        self._settle()
        self._written = self._thread.submit(self._writer.write_table, table, row_group_size=self._most_rows)

    def _settle(self) -> None:
        if self._written is not None:
            written, self._written = self._written, None
            written.result()


class DiskSpool:
    """One object's rows of one window. Use as a context manager: leaving it removes the files."""

    def __init__(self, info: ObjectInfo, root: Path) -> None:
        """Make a folder below ``root``; nothing else yet."""
        self._info = info
        remove_stale(root)
        root.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        self._pages: list[Path] = []
        self._page_numbers = itertools.count()
        self._rows: dict[tuple[str, ...], _Rows] = {}
        self._gone: dict[tuple[tuple[str, ...], str], list[pa.Table]] = {}
        self.rejected: list[Rejected] = []
        self._whole: list[CsvPages | ParquetFiles] | None = None
        self.scopes: list[dict[str, str]] = []
        self.expected_csv_rows: int | None = None
        self.files: list[FileRead] = []
        self.stretches: list[Reached] = []

    def csv_page(self, chunks: Callable[[Callable[[bytes], object]], None]) -> None:
        """Write one page; see ``Spool.csv_page``. Several threads may write a page each."""
        path = self.folder / f"page-{next(self._page_numbers):06d}.csv"
        try:
            with path.open("wb", buffering=0) as file:

                def write(data: bytes) -> None:
                    _write_all(file, data if b"\0" not in data else data.replace(b"\0", b""))

                chunks(write)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._pages.append(path)

    def expect(self, csv_rows: int) -> None:
        """Add to the source's count; see ``Spool.expect``."""
        self.expected_csv_rows = (self.expected_csv_rows or 0) + csv_rows

    def rows(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add typed rows; see ``Spool.rows``."""
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        wanted = {field.name: field for field in [*self._info.schema, pa.field(IS_DELETED, pa.bool_())]}
        table = table.cast(pa.schema([wanted[name] for name in table.column_names]))
        columns = tuple(table.column_names)
        if columns not in self._rows:
            group = LOG_GROUP if self._info.append_only else GROUP
            self._rows[columns] = _Rows(self.folder / f"rows-{len(self._rows):06d}.parquet", table.schema, group)
        self._rows[columns].add(table)

    def reject(self, rows: Sequence[Rejected]) -> None:
        """Keep rows that cannot be landed; see ``Spool.reject``. Raises MalformedAnswer when there are too many."""
        self.rejected.extend(rows)
        if len(self.rejected) > MOST_REJECTED:
            worst = Counter(row.rule for row in self.rejected).most_common(1)[0][0]
            raise MalformedAnswer(
                f"More than {MOST_REJECTED:,} rows of {self._info.name} cannot be landed, mostly by the rule {worst}: "
                "nothing was landed; put the field right at the source and try again."
            )

    def spared(self) -> pa.Table | None:
        """Keys of rejected rows: those are there at the source. None when it is not known which they are."""
        if any(row.key is None and row.rule != "null_key" for row in self.rejected):
            return None
        keys = sorted({row.key for row in self.rejected if row.key is not None})
        return pa.table({"record_key": pa.array(keys, pa.string())})

    def gone(self, keys: pa.Table, *, how: str) -> None:
        """Remember keys that no longer exist; see ``Spool.gone``."""
        if keys.num_rows:
            self._gone.setdefault((tuple(keys.column_names), how), []).append(keys)

    def whole(self, scope: Mapping[str, str]) -> None:
        """Remember that the batch is all there is in ``scope``; see ``Spool.whole``."""
        self.scopes.append(dict(scope))

    def file_done(
        self,
        path: str,
        *,
        size_bytes: int,
        modified_at: datetime | None,
        content_hash: str,
        rows: int,
        unchanged: bool = False,
    ) -> None:
        """Remember a file as read; see ``Spool.file_done``."""
        self.files.append(FileRead(path, size_bytes, modified_at, content_hash, rows, unchanged))

    def reached(self, stretch: Reached) -> None:
        """Remember how far a log was read; see ``Spool.reached``."""
        self.stretches.append(stretch)

    def parts(self) -> list[CsvPages | ParquetFiles]:
        """What there is to land; closes the files, so nothing can be added afterwards."""
        if self._whole is not None:
            return self._whole
        parts: list[CsvPages | ParquetFiles] = []
        if self._pages:
            parts.append(CsvPages(tuple(sorted(self._pages)), self._info.schema))
        for rows in self._rows.values():
            rows.finish()
            parts.append(ParquetFiles((rows.path,), rows.schema))
        return parts

    def set_aside(self) -> None:
        """Look at every value, keep the rows that can be stored and reject the others; after a batch was refused."""
        kept: list[CsvPages | ParquetFiles] = []
        read = 0
        for number, part in enumerate(self.parts()):
            target = self.folder / f"good-{number:06d}.parquet"
            good, bad = split(part, self._info.key, target, cursor=self._info.cursor)
            kept.append(good)
            read += pq.read_metadata(good.paths[0]).num_rows + len(bad)
            found = []
            for row in bad:
                rule = "null_key" if row.key is None else f"type:{row.columns[0]}"
                said = "it has no value in its key" if row.key is None else f"{row.columns[0]} is not of its type"
                where = f"{self._info.name} {row.key or '?'}"
                reason = f"{self._info.name}: {said}."
                found.append(Rejected(row.payload, rule, reason, where, row.key, row.cursor, row.is_deleted))
            self.reject(found)
        if self.expected_csv_rows is not None and read < self.expected_csv_rows:
            raise MalformedAnswer(
                f"The source announced {self.expected_csv_rows} rows of {self._info.name} and sent {read}; "
                "nothing was landed, try again."
            )
        self.expected_csv_rows = None
        self._whole = kept

    def gone_keys(self) -> list[tuple[pa.Table, str]]:
        """Keys that no longer exist, one table for each set of key columns and way to vanish."""
        return [(pa.concat_tables(tables), how) for (_, how), tables in self._gone.items()]

    def __enter__(self) -> DiskSpool:
        """The spool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files, read or not."""
        for rows in self._rows.values():
            rows.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)


def _write_all(file: FileIO, data: bytes) -> None:
    """An unbuffered file may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


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
