"""Where the numbers come from: the serving copy of a DuckDB warehouse, or the session of Streamlit in Snowflake.

Both answer a query with `?` marks by a pandas frame whose columns have lower-case names. What goes wrong is a
DataError, one sentence with cause and remedy.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

# How long Snowflake's tables are taken to be what they were, in seconds.
_FRESH_SECONDS = 300


class DataError(Exception):
    """The data cannot be read; the message is one sentence with cause and remedy."""


class Source(Protocol):
    """What a page reads."""

    @property
    def name(self) -> str:
        """What the reader is told of where it is from."""

    def version(self) -> str:
        """Changes when the data may have; answers are cached by it. Raises DataError."""

    def frame(self, sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
        """The rows of a query. Raises DataError."""


class ServingCopy:
    """The copy of the last green build. Reopened when a build has put another in its place; any number of threads.

    DuckDB keeps one instance per path in a process, so the old file is let go of before the new one is opened: a query
    that finds a newer copy waits for those that are still reading the old one.
    """

    def __init__(self, path: Path) -> None:
        """``path`` need not exist yet."""
        self.path = path
        self._free = threading.Condition()
        self._connection: Any = None
        self._opened: str | None = None
        self._reading = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def version(self) -> str:
        """Inode and time of the file."""
        try:
            found = self.path.stat()
        except OSError:
            raise DataError(
                f"There is no serving copy at {self.path} yet: run `braid build`, or look at the demo's with"
                " `make dashboard FILE=.braid/demo/braid_serving.duckdb`."
            ) from None
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def made_at(self) -> float:
        """When the copy was made, in seconds since 1970."""
        return self.path.stat().st_mtime

    def frame(self, sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
        """The rows of a query."""
        import duckdb

        with self._cursor() as cursor:
            try:
                found: pd.DataFrame = cursor.execute(sql, list(params)).df()
                return found.apply(_plain)
            except duckdb.CatalogException as error:
                raise DataError(_missing(str(error), self.name)) from None

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with self._free:
            # Looked at once a turn: a copy that comes between two looks would be opened beside readers of the old one.
            while (version := self.version()) != self._opened:
                if self._reading:
                    self._free.wait()
                else:
                    self._reopen(version)
            self._reading += 1
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
            with self._free:
                self._reading -= 1
                self._free.notify_all()

    def _reopen(self, version: str) -> None:
        import duckdb

        if self._connection is not None:
            self._connection.close()
            self._connection = self._opened = None
        try:
            self._connection = duckdb.connect(str(self.path), read_only=True)
        except duckdb.Error as error:
            why = str(error).splitlines()[0]
            raise DataError(f"{self.path} cannot be opened ({why}): run `braid publish` to make it anew.") from None
        self._opened = version


class SnowflakeSession:
    """The session that Streamlit in Snowflake gives; its role needs SELECT on the schemas the pages read."""

    def __init__(self, session: Any) -> None:
        """``session`` is a snowflake.snowpark.Session."""
        self._session = session

    @property
    def name(self) -> str:
        """The database."""
        return str(self._session.get_current_database() or "Snowflake").strip('"')

    def version(self) -> str:
        """Another one every five minutes: tables are replaced without telling."""
        return f"snowflake-{int(time.time() // _FRESH_SECONDS)}"

    def frame(self, sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
        """The rows of a query, decimals as floats and names in lower case, as DuckDB gives them."""
        try:
            found: pd.DataFrame = self._session.sql(sql, params=list(params)).to_pandas()
        except Exception as error:
            # Snowpark's own classes are not importable outside of it; this is the one it raises for a query.
            if type(error).__name__ != "SnowparkSQLException":
                raise
            raise DataError(_missing(str(error), self.name)) from None
        found.columns = [str(column).lower() for column in found.columns]
        return found.apply(_plain)


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Decimals as floats, and no text as None: pandas 2 and 3 and the two warehouses differ in both."""
    from decimal import Decimal

    import pandas as pd

    if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
        return column
    known = column.dropna()
    if len(known) and known.map(lambda value: isinstance(value, Decimal)).all():
        return column.astype(float)
    return column.astype(object).where(column.notna(), None)


def _missing(error: str, where: str) -> str:
    return (
        f"{where} lacks what this page shows ({error.splitlines()[0]}): run `braid build` with this version of Braid."
    )


def connect() -> Source:
    """Snowflake's session where there is one, else the serving copy of the dbt profile's target. Raises DataError."""
    try:
        from snowflake.snowpark.context import get_active_session
    except ImportError:
        pass
    else:
        return SnowflakeSession(get_active_session())
    return ServingCopy(_serving_copy())


def _serving_copy() -> Path:
    from warehouse.base import WarehouseError
    from warehouse.profile import load_target
    from warehouse.serving import serving_path

    if given := os.environ.get("BRAID_DASHBOARD_FILE"):
        return Path(given).expanduser()
    try:
        target = load_target()
        database = target.duckdb_path
    except WarehouseError as error:
        raise DataError(str(error)) from None
    if database is None:
        raise DataError(
            f"Target {target.name!r} is Snowflake, where the dashboards run inside it: see docs/dashboards.md, "
            "or set DBT_TARGET to a DuckDB target."
        )
    return serving_path(database)


def table(schema: str, name: str) -> str:
    """A relation of a schema that dbt writes, with the prefix of BRAID_SCHEMA_PREFIX (dbt's var ``schema_prefix``)."""
    return f"{os.environ.get('BRAID_SCHEMA_PREFIX', '')}{schema}.{name}"
