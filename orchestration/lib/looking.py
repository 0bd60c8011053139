"""Reading without getting in anybody's way: the serving copy, or the warehouse itself where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import CommandError
from orchestration.setup import open_to_look

if TYPE_CHECKING:
    from warehouse.base import Warehouse
    from warehouse.profile import Target

# Long enough for a landing to end, short enough for somebody who only wants to look.
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True)
class View:
    """What is looked at: a copy of some age, or the warehouse itself (``age_seconds`` None)."""

    name: str
    age_seconds: float | None
    warehouse: Warehouse


@contextmanager
def looking(target: Target, *, command: str) -> Iterator[View]:
    """The serving copy of the last green build; before the first one the warehouse itself, on Snowflake always.

    Raises CommandError when there is no warehouse yet, WarehouseHeld when another process has it.
    """
    import warehouse

    database = target.duckdb_path
    if database is None:
        with warehouse.connect(target.name, read_only=True) as connection:
            yield View(target.name, None, connection)
        return
    from warehouse.duckdb import DuckDBWarehouse
    from warehouse.serving import serving_path

    copy = serving_path(database)
    if copy.is_file():
        with DuckDBWarehouse.open(copy, read_only=True) as connection:
            yield View(_shown(copy), _age(copy), connection)
        return
    if not database.is_file():
        raise CommandError(f"There is no warehouse at {_shown(database)} yet: start with `braid extract SOURCE`.")
    with open_to_look(target.name, command=command, timeout=_PATIENCE_SECONDS) as connection:
        yield View(_shown(database), None, connection)


def _age(copy: Path) -> float:
    return max(0.0, datetime.now(UTC).timestamp() - copy.stat().st_mtime)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
