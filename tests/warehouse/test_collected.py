"""The collector's log lands on every warehouse alike: once, with its offsets, dead letters counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extract.pipeline import run
from extract.sources.events import Events
from tests.extract.events_log import Landing, dead, event
from warehouse.base import Warehouse

pytestmark = pytest.mark.timeout(120)


def test_the_log_lands_once(warehouse: Warehouse, tmp_path: Path) -> None:
    landing = Landing(tmp_path / "collect")

    @contextmanager
    def opened() -> Iterator[Warehouse]:
        yield warehouse

    def extract() -> list[tuple[int, int, int]]:
        source = Events.from_environment({"BRAID_COLLECT_LOG": str(landing.log)})
        results = run(source, (), opened, spool_root=tmp_path / "spool")
        source.close()
        assert [result.error for result in results] == [None, None]
        return [(result.rows_read, result.rows_inserted, result.rows_quarantined) for result in results]

    landing.append([event("a"), event("b"), event("a")], [dead("d", seconds=5), dead("d", seconds=2), dead("e")])
    assert extract() == [(3, 2, 0), (3, 2, 0)]
    landing.append([event("b"), event("a", source="app"), event("c")], [dead("d", seconds=9, reason="Newer.")])
    assert extract() == [(3, 1, 1), (1, 0, 0)]
    assert extract() == [(0, 0, 0), (0, 0, 0)]

    def rows(columns: str, table: str) -> list[tuple[object, ...]]:
        schema, _, name = table.partition(".")
        found = warehouse.query(f"select {columns} from {schema}.{name} order by 1, 2, 3")
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    assert rows("message_id, source, region", "raw_events.events") == [
        ("a", "web_shop", "DE"), ("b", "web_shop", "DE"), ("c", "web_shop", "DE"),
    ]  # fmt: skip
    assert rows("message_id, attempts, reason", "ops.dead_letters") == [("d", 3, "Newer."), ("e", 1, "It has none.")]
    assert rows("topic, landing, next_offset", "ops.log_offsets") == [
        ("dead_letters", 1, 3), ("dead_letters", 2, 4), ("events", 1, 3), ("events", 2, 6),
    ]  # fmt: skip
    assert rows("rule, record_key, status", "ops.quarantine") == [("key_taken", "app|a", "open")]


def test_a_landing_takes_its_turn_before_it_looks(warehouse: Warehouse, tmp_path: Path) -> None:
    """What holds two landings apart on Snowflake is a row that both write, and that is there from the first."""
    landing = Landing(tmp_path / "collect")
    landing.append([event("a")], [dead("d")])

    @contextmanager
    def opened() -> Iterator[Warehouse]:
        yield warehouse

    said: list[str] = []
    warehouse.on_statement = said.append
    source = Events.from_environment({"BRAID_COLLECT_LOG": str(landing.log)})
    results = run(source, (), opened, spool_root=tmp_path / "spool")
    source.close()
    warehouse.on_statement = None
    assert [result.error for result in results] == [None, None]
    first = [said[at + 1].lower() for at, statement in enumerate(said) if statement.startswith("begin")]
    turns = [statement for statement in first if statement.startswith("update") and "landing_turns" in statement]
    assert len(turns) == 2, "one for each table"
    found = warehouse.query("select table_name from ops.landing_turns where run_id is not null order by 1")
    assert found.column(0).to_pylist() == ["dead_letters", "events"]
