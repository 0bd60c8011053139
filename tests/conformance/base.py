"""What the cases share: the fixtures, what a case needs of a system, records, and what a source reads in a window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from extract.source import ObjectInfo, ReadContext, Source, Window
from extract.spool import DiskSpool
from tests.conformance.bench import Bench
from tests.conformance.system import CAPABILITIES, Record, System
from warehouse.duckdb import DuckDBWarehouse

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def needs(*capabilities: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A case of something that not every system has."""
    assert set(capabilities) <= CAPABILITIES.keys()

    def marked(case: Callable[..., None]) -> Callable[..., None]:
        case.needs = capabilities  # type: ignore[attr-defined]
        return case

    return marked


class Base:
    """Fixtures; ``system`` is the connector's author's."""

    @pytest.fixture
    def system(self) -> System:
        raise NotImplementedError("override this fixture: it gives an empty System of the connector's own")

    @pytest.fixture
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        system: System = request.getfixturevalue("system")
        if unknown := system.cannot.keys() - CAPABILITIES.keys():
            raise ValueError(f"There is no capability {', '.join(unknown)}; there are {', '.join(CAPABILITIES)}.")
        for capability in getattr(request.function, "needs", ()):
            if capability in system.cannot:
                pytest.skip(f"not applicable: {system.cannot[capability]}")
        system.prepare(monkeypatch.setattr, system.environment())
        return Bench(system, tmp_path / "bench")


def spread(system: System, rows: int, text: str = "plain") -> list[Record]:
    """So many records that changed within the last hour, two and two in the same second."""
    start = system.clock - HOUR
    return [Record(number, start + (1 + number // 2 * 6000 // rows) * SECOND, text, number) for number in range(rows)]


def read_keys(source: Source, info: ObjectInfo, window: Window, folder: Path) -> set[tuple[Any, ...]]:
    """Keys that the source reads in a window; some sources send a little more than was asked for."""
    found: set[tuple[Any, ...]] = set()
    file = folder / "keys.duckdb"
    with DiskSpool(info, folder / "spool") as spool, DuckDBWarehouse.open(file, settings={"threads": 2}) as warehouse:
        source.read(info, ReadContext(window, spool, lambda rows: None))
        assert info.cursor is not None
        names = ", ".join(warehouse.quoted(column) for column in (info.cursor, *info.key))
        for part in spool.parts():
            with warehouse.stage(part, constants={}) as batch:
                rows = warehouse.query(f"select {names} from {batch.sql} as b")
                for moment, *key in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                    if (window.start is None or moment >= window.start) and moment < window.end:
                        found.add(tuple(key))
    return found
