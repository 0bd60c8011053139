"""The file of connections (``BRAID_SQL``): which databases there are, which of their tables are read, and how.

Everything is checked before any work, and what is wrong is one sentence naming file, connection and table; no message
shows a URL, since it may hold a password.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from contracts import input_contracts
from contracts.input_contracts import InputContract
from extract.naming import snake_case
from extract.source import ConfigurationError
from extract.sources.input_mapping import Column, columns_of
from extract.sources.sql.presets import PRESETS, KnownTable

if TYPE_CHECKING:
    from sqlalchemy import URL

CONNECTION_KEYS = {"name", "url", "preset", "schema", "tables"}
TABLE_KEYS = {"name", "schema", "as", "key", "watermark", "lag", "include", "exclude", "contract", "dataset", "columns"}
# Schemas that others write: a connection called so would land among their tables.
TAKEN = {"salesforce", "hubspot", "segment", "files", "events", "sql"}
# A transaction stamps its rows when it begins and shows them when it ends: the watermark stays so long behind.
LAG = timedelta(minutes=5)
_LAG = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, eq=False)
class TableSpec:
    """One table to read. ``contract``, ``dataset`` and ``mapping`` are set when it is read as a contract's data set."""

    name: str
    schema: str | None
    alias: str
    key: tuple[str, ...]
    watermark: str | None
    lag: timedelta
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    contract: InputContract | None = None
    dataset: str = ""
    mapping: Mapping[str, Column] = field(default_factory=dict)
    digest: str = ""

    def __str__(self) -> str:
        """For messages."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class ConnectionSpec:
    """One database. ``url`` holds the password: it is never shown, and compared and printed without it."""

    name: str
    url: URL = field(repr=False, compare=False)
    tables: tuple[TableSpec, ...]


def load(file: Path, env: Mapping[str, str] | None = os.environ) -> tuple[ConnectionSpec, ...]:
    """The connections of a file; without ``env`` their URLs are not looked at. Raises ConfigurationError."""
    found = tuple(_connection(entry, file, env) for entry in _entries(file))
    _refuse_twins([connection.name for connection in found], f"{file} has two connections called")
    mapped = [table for connection in found for table in connection.tables if table.contract]
    _refuse_twins(
        [f"{table.dataset} ({table.contract.name})" for table in mapped if table.contract],
        f"{file} has two data sets called",
    )
    return found


def declared(file: Path) -> tuple[ConnectionSpec, ...]:
    """What the file names, without looking at URLs; nothing when it cannot be read as it should."""
    try:
        return load(file, None)
    except ConfigurationError:
        return ()


def objects_of(connections: Sequence[ConnectionSpec], *, stamped: bool = False) -> Iterator[str]:
    """Names of what the connections hold: ``people`` and ``orders`` when mapped onto, ``connection.table`` else.

    With ``stamped`` only those of tables with a watermark, which are counted.
    """
    tables = [
        (connection.name, table)
        for connection in connections
        for table in connection.tables
        if table.watermark or not stamped
    ]
    mapped = {table.contract.name for _, table in tables if table.contract}
    yield from (name for name in ("people", "orders") if name in mapped)
    yield from (f"{connection}.{table.alias}" for connection, table in tables if table.contract is None)


def _entries(file: Path) -> list[Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{file} does not exist: set BRAID_SQL to your file of connections.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(f"{file} is not valid YAML{f' at line {mark.line + 1}' if mark else ''}.") from None
    if not isinstance(content, dict) or not isinstance(content.get("connections"), list) or len(content) != 1:
        raise ConfigurationError(f"{file} must have one key, connections, with a list below it.")
    entries: list[Any] = content["connections"]
    return entries


def _connection(entry: Any, file: Path, env: Mapping[str, str] | None) -> ConnectionSpec:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{file} has a connection that is not a mapping of keys.")
    preset = entry.get("preset")
    if preset is not None and preset not in PRESETS:
        raise ConfigurationError(f"{file}: there is no preset {preset!r}; there are {', '.join(sorted(PRESETS))}.")
    name = entry.get("name", preset)
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{file} has a connection without a name.")
    where = f"{file}, connection {name!r}"
    if unknown := sorted(set(map(str, entry)) - CONNECTION_KEYS):
        known = ", ".join(sorted(CONNECTION_KEYS))
        raise ConfigurationError(f"{where}: {unknown[0]!r} is not a key; there are {known}.")
    if name != snake_case(name):
        raise ConfigurationError(f"{where}: the name becomes a schema, so call it {snake_case(name)!r}.")
    if name in TAKEN:
        raise ConfigurationError(f"{where}: raw_{name} belongs to another source; choose another name.")
    if (preset is not None or name in PRESETS) and name != preset:
        raise ConfigurationError(f"{where}: the preset {preset or name} and the name go together; leave the name out.")
    known_tables = PRESETS[preset] if preset else {}
    given = entry.get("tables", list(known_tables))
    if not isinstance(given, list) or not given:
        raise ConfigurationError(f"{where}: tables must be a list of the tables to read.")
    schema = _optional_text(entry, "schema", where)
    tables = tuple(_table(table, name, schema, known_tables, where) for table in given)
    aliases = [table.alias for table in tables if table.contract is None]
    _refuse_twins(aliases, f"{where}: two tables would land in raw_{name}; say as: for one of those called")
    return ConnectionSpec(name, _url(entry.get("url"), where, env), tables)


def _table(
    entry: Any, connection: str, schema: str | None, known_tables: Mapping[str, KnownTable], where: str
) -> TableSpec:
    entry = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ConfigurationError(f"{where} has a table without a name.")
    where = f"{where}, table {entry['name']!r}"
    if unknown := sorted(set(map(str, entry)) - TABLE_KEYS):
        raise ConfigurationError(f"{where}: {unknown[0]!r} is not a key; there are {', '.join(sorted(TABLE_KEYS))}.")
    name = entry["name"]
    if "schema" in entry:
        schema = _optional_text(entry, "schema", where)
    elif "." in name:
        schema, _, name = name.rpartition(".")
    known = known_tables.get(name)
    if known_tables and known is None and "key" not in entry:
        raise ConfigurationError(f"{where}: the preset knows {', '.join(known_tables)}; say the key of another.")
    alias = str(entry.get("as") or snake_case(name))
    if alias != snake_case(alias):
        raise ConfigurationError(f"{where}: as becomes a table's name, so say {snake_case(alias)!r}.")
    include, exclude = _texts(entry, "include", where), _texts(entry, "exclude", where)
    if include and exclude:
        raise ConfigurationError(f"{where}: say include or exclude, not both.")
    watermark = _optional_text(entry, "watermark", where)
    common = TableSpec(
        name=name,
        schema=schema,
        alias=alias,
        key=_texts(entry, "key", where) or (known.key if known else ()),
        watermark=watermark or (known.watermark if known else None),
        lag=_lag(entry["lag"], where) if "lag" in entry else (known.lag if known else LAG),
        include=include,
        exclude=exclude,
    )
    return _mapped(entry, common, connection, where)


def _mapped(entry: dict[str, Any], table: TableSpec, connection: str, where: str) -> TableSpec:
    """The table as a data set of an input contract, when it says so."""
    if "contract" not in entry:
        if given := [key for key in ("dataset", "columns") if key in entry]:
            raise ConfigurationError(f"{where}: {given[0]} is for tables with a contract; for fewer columns, include.")
        return table
    try:
        contract = input_contracts.load(str(entry["contract"]))
    except KeyError:
        known = ", ".join(input_contracts.names())
        raise ConfigurationError(f"{where}: there is no contract {entry['contract']!r}; there are {known}.") from None
    mapping = columns_of(entry.get("columns"), contract, where, "table")
    if numbered := [name for name, column in mapping.items() if column.number_within]:
        raise ConfigurationError(f"{where}: {numbered[0]} cannot be numbered; a table has a key, map that.")
    said = {key: value for key, value in entry.items() if key != "lag"}
    return TableSpec(
        **{**table.__dict__, "contract": contract, "dataset": str(entry.get("dataset") or connection),
           "mapping": mapping, "digest": hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]},
    )  # fmt: skip


def _url(given: Any, where: str, env: Mapping[str, str] | None) -> URL:
    """The URL with its variables filled in: a password may hold any character, unless all of it is one variable."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if env is None:
        return make_url("sqlite://")
    wrong = f"{where}: the url must be dialect+driver://user:${{PASSWORD}}@host:port/database, as SQLAlchemy has it."
    if not isinstance(given, str) or not given.strip():
        raise ConfigurationError(wrong)
    template = Template(given.strip())
    if missing := [name for name in template.get_identifiers() if not env.get(name, "")]:
        raise ConfigurationError(f"{where}: the url needs {missing[0]}, which is not set in the environment.")
    whole = given.strip() in (f"${{{name}}}" for name in template.get_identifiers())
    stand_ins: dict[str, str] = {}
    filled = {}
    for place, name in enumerate(template.get_identifiers()):
        filled[name] = env[name].strip() if whole else env[name]
        if not whole and not _PLAIN.fullmatch(env[name]):
            filled[name] = f"braidvalue{place}x"
            stand_ins[filled[name]] = env[name]

    def put(text: str | None) -> str | None:
        for stand_in, value in stand_ins.items():
            text = text.replace(stand_in, value) if text else text
        return text

    try:
        url = make_url(template.substitute(filled))
        query = {
            name: put(value) or "" if isinstance(value, str) else tuple(put(part) or "" for part in value)
            for name, value in url.query.items()
        }
        return url.set(
            username=put(url.username), password=put(url.password), host=put(url.host), database=put(url.database),
            query=query,
        )  # fmt: skip
    except (ArgumentError, ValueError):
        raise ConfigurationError(wrong) from None


def _lag(given: Any, where: str) -> timedelta:
    if found := _LAG.fullmatch(str(given).strip()):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise ConfigurationError(f"{where}: lag must be a number and a unit: 90s, 10m, 2h, 1d.")


def _optional_text(entry: dict[str, Any], key: str, where: str) -> str | None:
    value = entry.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    raise ConfigurationError(f"{where}: {key} must be a text.")


def _texts(entry: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ConfigurationError(f"{where}: {key} must be a column or a list of columns.")
    return tuple(value)


def _refuse_twins(found: Sequence[str], sentence: str) -> None:
    if twins := sorted({name for name in found if found.count(name) > 1}):
        raise ConfigurationError(f"{sentence} {twins[0]!r}.")
