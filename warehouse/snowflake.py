"""Snowflake: files go up to a stage of the session, are copied into a temporary table, and reach their table by MERGE.

Everything that is DDL (schemas, tables, columns, the temporary table, COPY into it) happens before a transaction
begins, since Snowflake commits at DDL. Between BEGIN and COMMIT there are only INSERT, MERGE, UPDATE and DELETE.
"""

from __future__ import annotations

import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.base import BadRows, CsvPages, LandedCounts, ParquetFiles, Staged, TableName, Warehouse, WarehouseError
from warehouse.duckdb import extra_columns, missing_columns, refreshing
from warehouse.identifiers import folded, name_from_stored, quote, quote_list, quote_table, refuse_collisions
from warehouse.profile import Target
from warehouse.statements import refuse_outside_rows
from warehouse.types import sql_type

# What of dbt's profile signs in, by the connector's own names; private_key is a text in the profile.
_SETTINGS = ("account", "user", "role", "warehouse", "database", "schema", "password", "authenticator", "host", "token")
_CSV = (
    "file_format = (type = csv skip_header = 1 field_optionally_enclosed_by = '\"' null_if = ('')"
    " escape_unenclosed_field = none)"
)
_PARQUET = "file_format = (type = parquet use_logical_type = true) match_by_column_name = case_insensitive"
_NUMBER = re.compile(r"NUMBER|DECIMAL|FIXED")
_TYPES: dict[str, pa.DataType] = {
    "TEXT": pa.string(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
}


class SnowflakeWarehouse(Warehouse):
    """One session. Construct with ``connect``."""

    dialect: ClassVar[str] = "snowflake"

    def __init__(self, connection: Any, database: str, schema: str) -> None:
        """Take over an open connection; ``schema`` is where temporary tables go."""
        self._connection = connection
        self._in_transaction = False
        self._database = database
        self._schema = schema
        self._schema_exists = False

    @classmethod
    def connect(cls, target: Target) -> SnowflakeWarehouse:
        """Open a session as dbt's profile says. Raises WarehouseError without the credentials in it."""
        import snowflake.connector

        given = {name: target.settings[name] for name in _SETTINGS if target.settings.get(name)}
        # What lands needs other compute than what builds; dbt refuses keys that it does not know in its profile.
        if loading := os.environ.get("SNOWFLAKE_LOADING_WAREHOUSE"):
            given["warehouse"] = loading
        if missing := [name for name in ("account", "user", "database") if name not in given]:
            raise WarehouseError(f"Target {target.name!r} in profiles.yml lacks {missing[0]}: Snowflake needs it.")
        key = target.settings.get("private_key_path")
        passphrase = target.settings.get("private_key_passphrase") or None
        if key:
            given["private_key_file"] = str(Path(str(key)).expanduser())
            given["private_key_file_pwd"] = passphrase
        elif target.settings.get("private_key"):
            given["private_key"] = _der(str(target.settings["private_key"]), passphrase, target.name)
        try:
            connection = snowflake.connector.connect(
                **given,
                paramstyle="qmark",
                application="Braid",
                login_timeout=60,
                network_timeout=600,
                session_parameters={"TIMEZONE": "UTC", "QUERY_TAG": "braid"},
            )
        except (snowflake.connector.errors.Error, OSError, ValueError, TypeError) as error:
            raise WarehouseError(
                f"Snowflake does not let target {target.name!r} in ({_first_line(error)}): check account, user and key "
                "in profiles.yml."
            ) from None
        return cls(connection, _stored(str(given["database"])), str(given.get("schema", "public")).lower())

    def close(self) -> None:
        """End the session; temporary tables go with it. Safe to call twice."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None

    def quoted(self, name: str) -> str:
        """A column's name as SQL."""
        return quote(name, self.dialect)

    def relation(self, table: TableName) -> str:
        """A table's full name, with the database."""
        return quote_table(table, self.dialect, self._database)

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Rows of one statement as an Arrow table, its columns named as this code names them."""
        with self._cursor() as cursor:
            self._execute(cursor, sql, params)
            return _plain_table(cursor.fetch_arrow_all(force_return_table=True))

    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        """Run one statement for its effect."""
        with self._cursor() as cursor:
            self._execute(cursor, sql, params)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; see ``Warehouse.transaction``."""
        if self._in_transaction:
            raise WarehouseError("A transaction is open already, and they do not nest.")
        self.execute("begin")
        self._in_transaction = True
        try:
            yield
            self._control("commit")
        except BaseException:
            with suppress(WarehouseError):
                self._control("rollback")
            raise
        finally:
            self._in_transaction = False

    def columns(self, table: TableName) -> dict[str, pa.DataType] | None:
        """Column names and types in table order, or None when the table does not exist."""
        database = '"' + self._database.replace('"', '""') + '"'
        found = self.query(
            "select column_name, data_type, numeric_precision, numeric_scale"
            f" from {database}.information_schema.columns where table_schema = ? and table_name = ?"
            " order by ordinal_position",
            [_stored(table.schema), _stored(table.name)],
        )
        if not found.num_rows:
            return None
        rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
        return {name_from_stored(name, self.dialect): _arrow(kind, digits, scale) for name, kind, digits, scale in rows}

    def ensure_table(self, table: TableName, schema: pa.Schema) -> tuple[str, ...]:
        """Create the table, or add the columns it lacks; see ``Warehouse.ensure_table``."""
        if self._in_transaction:
            raise WarehouseError(f"Table {table} cannot be changed inside a transaction; do it before.")
        refuse_collisions(schema.names, f"Table {table}")
        types = {f.name: sql_type(f.type, self.dialect, f"Column {table}.{f.name}") for f in schema}
        stored = self.columns(table)
        if stored is None:
            self._create_schema(table.schema)
            body = ", ".join(f"{self.quoted(name)} {type_}" for name, type_ in types.items())
            self.execute(f"create table if not exists {self.relation(table)} ({body})")
            return tuple(types)
        missing = missing_columns(table, stored, schema)
        for name in missing:
            self.execute(f"alter table {self.relation(table)} add column {self.quoted(name)} {types[name]}")
        return missing

    @contextmanager
    def stage(
        self,
        data: pa.Table | CsvPages | ParquetFiles,
        *,
        constants: Mapping[str, object],
        derived: Mapping[str, str | bool] | None = None,
    ) -> Iterator[Staged]:
        """A temporary table with the batch and a query that adds the other columns; see ``Warehouse.stage``."""
        if self._in_transaction:
            raise WarehouseError("Staging inside a transaction is not possible: stage first, then begin.")
        refuse_collisions(data.schema.names, "The batch")
        types = {f.name: sql_type(f.type, self.dialect, f"Column {f.name!r}") for f in data.schema}
        extra, schema = extra_columns(data.schema, constants, derived or {}, self.dialect)
        if not self._schema_exists:
            self._create_schema(self._schema)
            self._schema_exists = True
        name = f"braid_stage_{uuid.uuid4().hex}"
        relation = self.relation(TableName(self._schema, name))
        place = f"@{quote(self._schema, self.dialect)}.{quote(name + '_files', self.dialect)}"
        body = ", ".join(f"{self.quoted(column)} {type_}" for column, type_ in types.items())
        self.execute(f"create temporary table {relation} ({body})")
        try:
            with tempfile.TemporaryDirectory(prefix="braid-stage-") as scratch:
                files = _files(data, Path(scratch))
                # Parquet is compressed within, and must not be wrapped.
                compress = str(isinstance(data, CsvPages)).lower()
                if files:
                    self.execute(f"create temporary stage {place[1:]}")
                    for file in files:
                        self.execute(f"put 'file://{file}' {place} auto_compress = {compress}")
                    try:
                        self.execute(
                            f"copy into {relation} from {place} {_CSV if isinstance(data, CsvPages) else _PARQUET}"
                        )
                    except WarehouseError as error:
                        # Text that does not fit its column; what is wrong with which row is found on this computer.
                        raise BadRows(str(error)) if isinstance(data, CsvPages) else error from None
                    self.execute(f"drop stage if exists {place[1:]}")
            # Not a view: a temporary one does not exist, and another session could see a lasting one.
            yield Staged(f"(select *{extra} from {relation} as batch)", schema, frozenset(constants))
        finally:
            if self._connection is not None and not self._in_transaction:
                self.execute(f"drop table if exists {relation}")

    def append(
        self, table: TableName, staged: Staged, *, unless_key: Sequence[str] = (), first_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Insert, without keys that are there; see ``Warehouse.append``."""
        read = self._check(table, staged, unless_key)
        columns = quote_list(staged.schema.names, self.dialect)
        source = f"{staged.sql} as s"
        if unless_key:
            order = [f"{self.quoted(name)} asc nulls last" for name in first_by]
            same = " and ".join(f"t.{self.quoted(c)} = s.{self.quoted(c)}" for c in unless_key)
            source = (
                f"({self._first_of_each(staged, unless_key, order)}) as s"
                f" where not exists (select 1 from {self.relation(table)} as t where {same})"
            )
        chosen = quote_list(staged.schema.names, self.dialect, "s.")
        inserted = self._changed(f"insert into {self.relation(table)} ({columns}) select {chosen} from {source}")[0]
        return LandedCounts(read, inserted, 0, self._keys(staged, unless_key) if unless_key else read)

    def merge(
        self, table: TableName, staged: Staged, *, key: Sequence[str], newest_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Upsert by key; see ``Warehouse.merge``."""
        read = self._check(table, staged, key)
        names = staged.schema.names
        order = [f"{self.quoted(name)} desc nulls last" for name in newest_by]
        on = " and ".join(f"t.{self.quoted(c)} = s.{self.quoted(c)}" for c in key)
        compared = [c for c in names if c not in staged.constants and c not in key]
        differs = " or ".join(f"t.{self.quoted(c)} is distinct from s.{self.quoted(c)}" for c in compared) or "false"
        values = ", ".join(f"{self.quoted(c)} = s.{self.quoted(c)}" for c in names if c not in key)
        updating = f" when matched and ({differs}) and not ({self._is_older(newest_by)}) then update set {values}"
        inserted, updated = self._changed(
            f"merge into {self.relation(table)} as t using ({self._first_of_each(staged, key, order)}) as s on {on}"
            f"{updating if values else ''}"
            f" when not matched then insert ({quote_list(names, self.dialect)})"
            f" values ({quote_list(names, self.dialect, 's.')})"
        )
        return LandedCounts(read, inserted, updated, self._keys(staged, key))

    def refresh(self, table: TableName, staged: Staged, *, key: Sequence[str], same: Sequence[str]) -> int:
        """Update rows in place; see ``Warehouse.refresh``."""
        return self._changed(refreshing(self, self.relation(table), staged, key, same))[1]

    def _keys(self, staged: Staged, key: Sequence[str]) -> int:
        """How many keys are staged."""
        keys = quote_list(key, self.dialect)
        counted = self.query(f"select count(*) from (select distinct {keys} from {staged.sql} as s) as keys")
        return int(counted.column(0)[0].as_py())

    def _check(self, table: TableName, staged: Staged, key: Sequence[str]) -> int:
        """How many rows are staged. Raises WarehouseError for columns the table lacks and for rows without a key."""
        stored = self.columns(table)
        if stored is None or missing_columns(table, stored, staged.schema):
            raise WarehouseError(f"Table {table} lacks columns of the batch: call ensure_table first.")
        with_null = " or ".join(f"{self.quoted(column)} is null" for column in key) or "false"
        counted = self.query(f"select count(*), coalesce(count_if({with_null}), 0) from {staged.sql} as s")
        read, nulls = (int(column[0].as_py()) for column in counted.columns)
        if nulls:
            raise BadRows(f"{nulls} rows for {table} have no value in their key ({', '.join(key)}).")
        return read

    def _first_of_each(self, staged: Staged, key: Sequence[str], order: Sequence[str]) -> str:
        """The staged rows, of each key the first by ``order``, then by all columns: any order gives the same row."""
        rest = [c for c in sorted(staged.schema.names) if c not in staged.constants and c not in key]
        total_order = [*order, *(f"{self.quoted(c)} asc nulls last" for c in rest)] or ["1"]
        columns = quote_list(staged.schema.names, self.dialect)
        keys = quote_list(key, self.dialect)
        return (
            f"select {columns} from (select {columns}, row_number() over (partition by {keys}"
            f" order by {', '.join(total_order)}) as braid_place from {staged.sql} as staged) as ranked"
            " where braid_place = 1"
        )

    def _is_older(self, newest_by: Sequence[str]) -> str:
        """SQL: the staged row comes before the stored one by ``newest_by``, null being the oldest of all."""
        condition = "false"
        for name in reversed(newest_by):
            new, old = f"s.{self.quoted(name)}", f"t.{self.quoted(name)}"
            before = f"({new} is null and {old} is not null) or coalesce({new} < {old}, false)"
            condition = f"{before} or ({new} is not distinct from {old} and ({condition}))"
        return condition

    def _changed(self, sql: str) -> tuple[int, int]:
        """Run a statement that writes rows: how many it inserted, and how many it updated."""
        with self._cursor() as cursor:
            self._execute(cursor, sql, ())
            row = cursor.fetchone() or (0,)
            counts = dict(zip((item[0].lower() for item in cursor.description), row, strict=False))
        return int(counts.get("number of rows inserted") or 0), int(counts.get("number of rows updated") or 0)

    def _create_schema(self, schema: str) -> None:
        database = '"' + self._database.replace('"', '""') + '"'
        self.execute(f"create schema if not exists {database}.{self.quoted(schema)}")

    def _control(self, sql: str) -> None:
        """COMMIT or ROLLBACK, which no caller may send."""
        with self._cursor() as cursor:
            self._say(sql)
            cursor.execute(sql)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self._connection is None:
            raise WarehouseError("The warehouse connection is closed already: open a new one.")
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _execute(self, cursor: Any, sql: str, params: Sequence[object]) -> None:
        import snowflake.connector

        if self._in_transaction:
            refuse_outside_rows(sql)
        self._say(sql)
        try:
            cursor.execute(sql, list(params)) if params else cursor.execute(sql)
        except snowflake.connector.errors.Error as error:
            raise WarehouseError(f"Snowflake refused a statement: {_first_line(error)}") from error

    def _say(self, sql: str) -> None:
        if self.on_statement is not None:
            self.on_statement(sql)


def _files(data: pa.Table | CsvPages | ParquetFiles, scratch: Path) -> list[Path]:
    """The batch as files on disk; Arrow data becomes one Parquet file."""
    if isinstance(data, CsvPages):
        return list(data.paths)
    if isinstance(data, ParquetFiles):
        return list(data.paths)
    if not data.num_rows:
        return []
    path = scratch / "rows.parquet"
    pq.write_table(data, path)
    return [path]


def _plain_table(table: pa.Table) -> pa.Table:
    """Names as this code has them, times in microseconds, whole numbers as such."""
    columns, names = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_timestamp(field.type) and field.type != pa.timestamp("us"):
            column = column.cast(pa.timestamp("us"), safe=False)
        elif pa.types.is_decimal(field.type) and field.type.scale == 0 and field.type.precision > 18:
            with suppress(pa.ArrowInvalid):
                column = column.cast(pa.int64())
        elif pa.types.is_integer(field.type) and field.type != pa.int64():
            column = column.cast(pa.int64())
        columns.append(column)
        names.append(name_from_stored(field.name, "snowflake"))
    return pa.table(columns, names=names) if columns else table


def _arrow(kind: str, digits: Any, scale: Any) -> pa.DataType:
    if _NUMBER.fullmatch(kind):
        if int(digits) == 38 and not scale:
            return pa.int64()
        return pa.decimal128(int(digits), int(scale or 0))
    return _TYPES.get(kind, pa.string())


def _stored(name: str) -> str:
    """A plain name as Snowflake keeps it."""
    return quote(folded(name) if name.isupper() else name, "snowflake")[1:-1].replace('""', '"')


def _der(text: str, passphrase: str | None, target: str) -> bytes:
    """A private key given as text (PEM, or the base64 between its lines) as the connector takes it."""
    import base64

    from cryptography.hazmat.primitives import serialization

    secret = passphrase.encode() if passphrase else None
    try:
        if "-----" in text:
            key = serialization.load_pem_private_key(text.encode(), secret)
        else:
            key = serialization.load_der_private_key(base64.b64decode(text), secret)
    except (ValueError, TypeError):
        raise WarehouseError(f"private_key of target {target!r} in profiles.yml cannot be read as a key.") from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "raw_msg", None) or error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
