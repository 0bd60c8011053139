"""One database: reached before it is asked, read only, on UTC, and its errors as one sentence without secrets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from extract.source import AccessDenied, ConfigurationError, MalformedAnswer, SourceError, Unreachable
from extract.sources.sql.config import ConnectionSpec
from extract.sources.sql.values import naive_utc

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

# Seconds: for a host to answer at all, and for a statement, where a driver lets us say so.
REACH, STATEMENT = 10, 600
# Databases whose URL names a host to connect to (not an account or a file), and where they listen.
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
TIMEOUTS: Mapping[str, dict[str, Any]] = {
    "pg8000": {"timeout": STATEMENT},
    "psycopg": {"connect_timeout": REACH},
    "psycopg2": {"connect_timeout": REACH},
    "pymysql": {"connect_timeout": REACH, "read_timeout": STATEMENT},
    "mysqldb": {"connect_timeout": REACH, "read_timeout": STATEMENT},
    "pysqlite": {"timeout": 30},
}
# What makes a session read only where no option of SQLAlchemy does, and its times UTC.
SESSION = {
    "sqlite": ("pragma query_only = on",),
    "postgresql": ("set time zone 'UTC'",),
    "mysql": ("set time_zone = '+00:00'", "set session transaction read only"),
    "mariadb": ("set time_zone = '+00:00'", "set session transaction read only"),
}
# Where current_timestamp is local time without saying so.
CLOCKS = {"mssql": "sysutcdatetime"}
# MySQL's and SQL Server's own numbers, where others have an SQLSTATE.
DENIED = {1044, 1045, 1142, 1143, 1227, 229, 18456}


class Database:
    """A connection of the file. Nothing is contacted before the first use."""

    def __init__(self, spec: ConnectionSpec) -> None:
        """Nothing is imported or opened yet."""
        self.spec = spec
        self._engine: Engine | None = None

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name for the kind of database: postgresql, mysql, sqlite …"""
        return self.spec.url.get_backend_name()

    def reach(self) -> None:
        """Prove host and credentials. Raises AccessDenied, Unreachable or ConfigurationError."""
        self.clock()

    def clock(self) -> datetime:
        """The server's clock, naive UTC, cut to whole seconds."""
        from sqlalchemy import func, select

        clock = getattr(func, CLOCKS[self.dialect])() if self.dialect in CLOCKS else func.current_timestamp()
        with self.transaction() as connection:
            told: Any = connection.execute(select(clock)).scalar_one()
        try:
            return naive_utc(told).replace(microsecond=0)
        except ValueError:
            raise MalformedAnswer(f"{self} tells a time that is none.") from None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One read-only transaction, rolled back in the end; a driver's error becomes one of ours."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._opened().connect() as connection:
                if self.dialect == "postgresql":
                    connection = connection.execution_options(postgresql_readonly=True)
                yield connection
        except SQLAlchemyError as error:
            raise self._ours(error) from None

    def close(self) -> None:
        """Release connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def __str__(self) -> str:
        """For messages: the connection's name and its host, never its user or password."""
        url = self.spec.url
        where = url.host or (url.database if self.dialect == "sqlite" else None)
        return f"{self.spec.name} ({where})" if where else self.spec.name

    def _opened(self) -> Engine:
        if self._engine is None:
            self._find_host()
            self._engine = self._made()
        return self._engine

    def _made(self) -> Engine:
        from sqlalchemy import create_engine, event
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        url = self.spec.url
        try:
            driver = url.get_driver_name()
            given = {name: value for name, value in TIMEOUTS.get(driver, {}).items() if name not in url.query}
            engine = create_engine(url, connect_args=given, pool_pre_ping=True, pool_size=1, hide_parameters=True)
        except NoSuchModuleError:
            raise ConfigurationError(
                f"{self}: nothing here speaks {url.drivername}; install SQLAlchemy's dialect for it into .venv."
            ) from None
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{self}: its driver is missing; .venv/bin/python -m pip install {error.name}, or name another driver "
                f"in the url, as in {url.get_backend_name()}+driver://."
            ) from None
        except (ArgumentError, TypeError, ValueError):
            raise ConfigurationError(f"{self}: SQLAlchemy cannot use the url; correct it in BRAID_SQL.") from None

        @event.listens_for(engine, "connect")
        def prepare(raw: Any, record: object) -> None:
            cursor = raw.cursor()
            for statement in SESSION.get(self.dialect, ()):
                cursor.execute(statement)
            cursor.close()
            raw.commit()

        return engine

    def _find_host(self) -> None:
        """Say plainly what a driver would say at length, or after minutes: no such file, host or listener."""
        url = self.spec.url
        if self.dialect == "sqlite":
            # SQLite would make an empty database of a misspelt name.
            if url.database and not url.database.startswith("file:") and not Path(url.database).is_file():
                raise ConfigurationError(f"{self}: there is no such file; correct the url in BRAID_SQL.")
            return
        if not url.host or self.dialect not in PORTS:
            return
        port = url.port or PORTS[self.dialect]
        try:
            socket.create_connection((url.host, port), timeout=REACH).close()
        except socket.gaierror:
            raise Unreachable(f"{self}: the host {url.host} is unknown; correct the url, or the DNS.") from None
        except OSError:
            raise Unreachable(
                f"{self}: nothing answers on port {port} of {url.host}; check that the server runs, the port, and "
                "firewalls between."
            ) from None

    def _ours(self, error: SQLAlchemyError) -> SourceError:
        """The driver's error as a sentence with a remedy; its own words without secrets."""
        original = getattr(error, "orig", None)
        words, state, number = _said(original if original is not None else error)
        words = self._without_secrets(words)
        if state.startswith("28") or number in (1045, 18456):
            return AccessDenied(f"{self} refuses the user or the password; correct them in the environment.")
        if state == "3D000" or number == 1049:
            return ConfigurationError(f"{self} has no database called {self.spec.url.database!r}; correct the url.")
        if state == "42501" or number in DENIED:
            return AccessDenied(f"{self} does not allow this user to read ({words}); grant it select.")
        if state.startswith(("08", "57P")) or getattr(error, "connection_invalidated", False):
            return Unreachable(f"{self} broke the connection ({words}); try again.")
        return Unreachable(f"{self} cannot answer ({words}); correct that, or try again.")

    def _without_secrets(self, words: str) -> str:
        password = self.spec.url.password
        query = (value for name, value in self.spec.url.query.items() if re.search("pass|secret|token|key", name, re.I))
        for secret in (str(password) if password else "", *(str(value) for value in query)):
            for form in {secret, quote(secret), quote(secret, safe="")} - {""}:
                words = words.replace(form, "***")
        return words


def _said(error: BaseException) -> tuple[str, str, int]:
    """A driver's words in one line, its SQLSTATE and its number; empty and 0 where it has none."""
    state = str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
    first: Any = error.args[0] if error.args else ""
    words = str(error)
    if isinstance(first, dict):
        # pg8000 hands on the server's fields as they come.
        state, words = str(first.get("C", state)), str(first.get("M", ""))
    line = " ".join(words.split())[:300].rstrip(".")
    return line or type(error).__name__, state, first if isinstance(first, int) else 0
