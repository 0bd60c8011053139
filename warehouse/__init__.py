"""The one door to DuckDB or Snowflake for Python: connection, lock, transactions, Arrow in and out, quoting.

Importing this costs nothing; what a call needs is imported by the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.base import Warehouse

__all__ = ["connect", "locked"]


def connect(
    target: str | None = None,
    *,
    profiles_dir: Path | str | None = None,
    read_only: bool = False,
    on_wait: Callable[[str], None] | None = None,
    timeout: float = 120.0,
) -> Warehouse:
    """Open the warehouse of the dbt target (default: DBT_TARGET, then the profile's own).

    On DuckDB a file that another process has open is waited for, ``timeout`` seconds at most, with ``on_wait`` told who
    it is. Take ``locked`` first when writing. Raises WarehouseError.
    """
    from warehouse.profile import load_target

    chosen = load_target(target, profiles_dir=profiles_dir)
    if chosen.type == "snowflake":
        from warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeWarehouse.connect(chosen)
    from warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse.connect(chosen, read_only=read_only, on_wait=on_wait, timeout=timeout)


@contextmanager
def locked(
    target: str | None = None,
    *,
    command: str,
    profiles_dir: Path | str | None = None,
    on_wait: Callable[[str], None] | None = None,
    timeout: float | None = None,
) -> Iterator[None]:
    """Be the one writer of the target's DuckDB file for the block; on Snowflake nothing is needed and nothing is done.

    ``command`` tells others who holds it. See ``warehouse.lock.file_lock`` for waiting and time-out.
    """
    from warehouse.profile import load_target

    database = load_target(target, profiles_dir=profiles_dir).duckdb_path
    if database is None:
        yield
        return
    from warehouse.lock import file_lock

    with file_lock(database, command=command, on_wait=on_wait, timeout=timeout):
        yield
