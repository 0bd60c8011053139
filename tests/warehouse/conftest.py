"""A warehouse of each kind; every test that asks for ``warehouse`` runs on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.base import Warehouse
from warehouse.duckdb import DuckDBWarehouse


@pytest.fixture(params=["duckdb"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}) as opened:
        yield opened
