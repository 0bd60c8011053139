"""What tests of sources share: a spool in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from extract.source import ReadContext, Rejected, Source, Window


class MemorySpool:
    """Keeps what a source spools, for looking at."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = []
        self.gone_keys: list[pa.Table] = []
        self.files: list[dict[str, Any]] = []
        self.rejected: list[Rejected] = []

    def csv_page(self, chunks: Callable[[Callable[[bytes], object]], None]) -> None:
        raise NotImplementedError("these sources speak Arrow")

    def rows(self, batch: pa.RecordBatch | pa.Table) -> None:
        self.tables.append(batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch]))

    def reject(self, rows: Sequence[Rejected]) -> None:
        self.rejected.extend(rows)

    def gone(self, keys: pa.Table, *, how: str) -> None:
        assert how in ("merged", "erased")
        self.gone_keys.append(keys)

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
        self.files.append(
            {"path": path, "size_bytes": size_bytes, "modified_at": modified_at, "hash": content_hash, "rows": rows}
        )

    @property
    def pylist(self) -> list[dict[str, Any]]:
        return [row for table in self.tables for row in table.to_pylist()]

    @property
    def gone_list(self) -> list[dict[str, Any]]:
        return [row for table in self.gone_keys for row in table.to_pylist()]


@pytest.fixture
def spooled() -> Callable[..., MemorySpool]:
    """Describe and read one object of a source; what it spools fits its own description."""

    def read(
        source: Source,
        name: str,
        *,
        start: datetime | None = None,
        end: datetime = datetime(2026, 1, 5, 6),
        subjects: Sequence[str] | None = None,
        **more: Any,
    ) -> MemorySpool:
        spool = MemorySpool()
        counts: list[int] = []
        info = source.describe(name)
        source.read(info, ReadContext(Window(start, end), spool, counts.append, subjects=subjects, **more))
        for table in spool.tables:
            for column in table.schema:
                assert column.name == "_is_deleted" or info.schema.field(column.name).type == column.type
        for keys in spool.gone_keys:
            assert set(keys.column_names) <= set(info.key)
        assert sum(counts) == sum(table.num_rows for table in spool.tables)
        return spool

    return read
