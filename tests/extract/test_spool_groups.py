"""Typed rows on disk: groups of one size, written in a thread of their own, none lost and none out of order."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract import spool as spools
from extract.source import ObjectInfo
from extract.spool import DiskSpool
from warehouse.base import ParquetFiles, TableName
from warehouse.types import is_long, long_text

SCHEMA = pa.schema([("id", pa.int64()), long_text("payload")])
INFO = ObjectInfo(name="o", table=TableName("raw_x", "o"), key=("id",), schema=SCHEMA, fields={}, append_only=True)
pytestmark = pytest.mark.timeout(120)


def batch(first: int, count: int) -> pa.Table:
    return pa.table({"id": pa.array(range(first, first + count), pa.int64()), "payload": pa.array(["x" * 9] * count)})


@given(st.lists(st.integers(0, 40), max_size=12), st.sampled_from([60, 10_000]))
@settings(max_examples=40, deadline=None)
def test_rows_come_back_in_order_and_in_whole_groups(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], most: int
) -> None:
    with (
        patch.object(spools, "LOG_GROUP", (16, most)),
        DiskSpool(INFO, tmp_path_factory.mktemp("spool")) as spool,
    ):
        for first, count in zip(accumulate(counts, initial=0), counts, strict=False):
            spool.rows(batch(first, count))
        for part in spool.parts():
            assert isinstance(part, ParquetFiles)
            assert pq.read_table(part.paths[0])["id"].to_pylist() == list(range(sum(counts)))
            assert is_long(part.schema.field("payload"))
            file = pq.read_metadata(part.paths[0])
            groups = [file.row_group(number).num_rows for number in range(file.num_row_groups)]
            assert max(groups, default=0) <= 16
            if most > 60:
                assert all(rows == 16 for rows in groups[:-1])


def test_what_the_disk_refused_is_raised_before_anything_lands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spools, "LOG_GROUP", (2, 1000))
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with DiskSpool(INFO, tmp_path) as spool:
        spool.rows(batch(0, 2))
        with pytest.raises(OSError, match="No space left"):
            spool.parts()
    assert not list(tmp_path.iterdir())
