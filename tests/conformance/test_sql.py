"""A table of a SQLite file, run through the suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.shop import SqliteTable
from tests.conformance.suite import Conformance

pytestmark = pytest.mark.timeout(60)


class TestSqlite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[SqliteTable]:
        table = SqliteTable(tmp_path)
        yield table
        table.stop()
