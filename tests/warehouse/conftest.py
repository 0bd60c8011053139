"""A warehouse of each kind; every test that asks for ``warehouse`` runs on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.snowflake.fake import fake_snowflake
from warehouse.base import Warehouse
from warehouse.duckdb import DuckDBWarehouse
from warehouse.profile import Target
from warehouse.snowflake import SnowflakeWarehouse

SIGN_IN = {"account": "fake", "user": "braid", "password": "not-a-secret", "database": "BRAID", "schema": "SCRATCH"}


@pytest.fixture(params=["duckdb", "snowflake"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "duckdb":
        with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}) as opened:
            yield opened
        return
    with fake_snowflake(tmp_path):
        target = Target("snowflake", "snowflake", SIGN_IN, tmp_path, tmp_path)
        with SnowflakeWarehouse.connect(target) as opened:
            yield opened
