"""Databases by URL, down to raw tables: the same on SQLite and on a real PostgreSQL, and never a word of a password."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.pipeline import ObjectResult, run
from extract.reconcile import reconcile
from extract.source import ConfigurationError, ReadContext, SourceError, Window
from extract.sources.sql import Sql, reading
from extract.sources.sql.keyset import after
from tests.extract.postgres import PASSWORD, Server, server
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)

DAY = datetime(2026, 1, 2)
NUMBERS = itertools.count()


class Shop:
    """A database, a file of connections that names it, and a warehouse."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.env = {"BRAID_SQL": str(folder / "sql.yml"), "SHOP_URL": url}

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def table(self, name: str, *columns: sa.Column[Any], schema: str | None = None) -> sa.Table:
        table = sa.Table(name, sa.MetaData(), *columns, schema=schema)
        table.create(self.engine)
        return table

    def do(self, *statements: Any) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement)

    def insert(self, table: sa.Table, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(table.insert(), rows)

    def say(self, *tables: Any, **connection: Any) -> None:
        entry = {"name": "shop", "url": "${SHOP_URL}", "tables": list(tables)} | connection
        (self.folder / "sql.yml").write_text(yaml.safe_dump({"connections": [entry]}, sort_keys=False))

    def source(self) -> Sql:
        return Sql.from_environment(self.env)

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def extract_all(self, *, full: bool = False) -> dict[str, ObjectResult]:
        source = self.source()
        try:
            results = run(source, [], self.open, full=full, spool_root=self.folder / "spool")
        finally:
            source.close()
        return {result.object: result for result in results}

    def extract(self, *, full: bool = False) -> ObjectResult:
        (result,) = self.extract_all(full=full).values()
        return result

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.open() as warehouse:
            return [tuple(row.values()) for row in warehouse.rows(sql)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def postgres_shop(tmp_path: Path, postgres: Server) -> Shop:
    database = f"shop_{next(NUMBERS)}"
    engine = sa.create_engine(postgres.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {database}"))
    return Shop(tmp_path, postgres.url(database=database))


@pytest.fixture
def sqlite_shop(tmp_path: Path) -> Shop:
    file = tmp_path / "shop.db"
    file.touch()
    return Shop(tmp_path, f"sqlite:///{file}")


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.getfixturevalue("sqlite_shop" if request.param == "sqlite" else "postgres_shop")
    return found


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", 3)
    monkeypatch.setattr(reading, "CHUNK", 2)


def orders(shop: Shop) -> sa.Table:
    return shop.table(
        "orders",
        sa.Column("region", sa.String(10), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("amount", sa.Numeric(12, 2)),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
    )


# Blocks.

VALUES = st.lists(
    st.tuples(st.integers(-2, 2), st.sampled_from(["", "A", "a", "ab", "é", "'"]), st.integers(-1, 1)),
    unique=True, max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=VALUES, width=st.integers(1, 3), place=st.integers(0, 39))
def test_what_comes_after_a_row_is_what_python_sorts_after_it(
    rows: list[tuple[int, str, int]], width: int, place: int
) -> None:
    engine = sa.create_engine("sqlite://")
    types = (sa.Integer, sa.String, sa.Integer)
    table = sa.Table("t", sa.MetaData(), *(sa.Column(f"c{n}", kind) for n, kind in enumerate(types)))
    table.create(engine)
    with engine.begin() as connection:
        if rows:
            connection.execute(table.insert(), [dict(zip(("c0", "c1", "c2"), row, strict=True)) for row in rows])
        last = sorted(rows)[place % len(rows)][:width] if rows else (0, "", 0)[:width]
        columns = list(table.c)[:width]
        query = sa.select(table).where(after(columns, last)).order_by(*table.c)
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [row for row in sorted(rows) if row[:width] > last]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 9])
def test_ties_across_the_edges_of_blocks_are_each_read_once(shop: Shop, count: int) -> None:
    table = orders(shop)
    keys = [
        ("north", 1),
        ("north", 2),
        ("south", 1),
        ("south", 2),
        ("south", 3),
        ("west", 1),
        ("x", 9),
        ("y", 1),
        ("z", 0),
    ]
    rows = [
        {"region": region, "number": number, "amount": number, "updated_at": sa_utc(DAY.replace(hour=place // 5))}
        for place, (region, number) in enumerate(keys[:count])
    ]
    if rows:
        shop.insert(table, *reversed(rows))
    shop.say({"name": "orders", "watermark": "updated_at"})
    asked: list[str] = []
    listener = lambda *event: asked.append(event[2])  # noqa: E731 - SQLAlchemy calls it by position
    sa.event.listen(sa.Engine, "before_cursor_execute", listener)
    try:
        result = shop.extract()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listener)
    assert (result.error, result.rows_read, result.rows_inserted, result.proof) == (None, count, count, "proven")
    assert shop.query("select region, number from raw_shop.orders order by all") == sorted(keys[:count])
    blocks = [sql for sql in asked if "LIMIT" in sql and "ORDER BY" in sql]
    assert len(blocks) == count // 3 + 1
    again = shop.extract()
    assert (again.error, again.rows_landed, again.proof) == (None, 0, "proven")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("key", [["who", "line"], "line"], ids=["composite", "single"])
def test_a_snapshot_reads_all_rows_in_blocks_of_the_key(shop: Shop, key: Any) -> None:
    table = shop.table("carts", sa.Column("who", sa.Text), sa.Column("line", sa.Integer), sa.Column("what", sa.Text))
    shop.insert(table, *({"who": f"w{n % 3}", "line": n, "what": "tea"} for n in range(10)))
    shop.say({"name": "carts", "key": key})
    assert shop.extract().rows_inserted == 10
    assert shop.query("select who, line from raw_shop.carts order by 2") == [(f"w{n % 3}", n) for n in range(10)]


def sa_utc(moment: datetime) -> datetime:
    """As a column with a zone wants it; SQLite drops the zone."""
    return moment.replace(tzinfo=UTC)


# Windows.


class Kept:
    """A spool that keeps rows."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def rows(self, table: Any) -> None:
        self.found += table.to_pylist()

    def reject(self, rows: Any) -> None:
        raise AssertionError(rows)


def test_a_window_has_its_first_moment_and_not_its_last(shop: Shop) -> None:
    table = orders(shop)
    moments = [DAY.replace(hour=hour) for hour in range(6)]
    shop.insert(table, *({"region": "n", "number": n, "updated_at": sa_utc(at)} for n, at in enumerate(moments)))
    shop.say({"name": "orders", "watermark": "updated_at", "lag": "0s"})
    source = shop.source()
    info = source.describe("shop.orders")
    kept, read = Kept(), []
    window = Window(moments[1], moments[4])
    source.read(info, ReadContext(window, kept, read.append))  # type: ignore[arg-type]
    assert [row["number"] for row in kept.found] == [1, 2, 3]
    assert {row["updated_at"] for row in kept.found} == set(moments[1:4])
    assert source.count(info, window) == sum(read) == 3
    assert source.count(info, Window(None, moments[4])) == 4
    narrow = info.narrowed(["amount"])
    kept = Kept()
    source.read(narrow, ReadContext(Window(None, moments[5]), kept, read.append))  # type: ignore[arg-type]
    assert {tuple(row) for row in kept.found} == {("region", "number", "amount", "updated_at")}
    # All history has no end: a sweep would take a row that changed just now for deleted.
    assert len(kept.found) == 6
    assert source.count(narrow, Window(None, moments[5])) == 5
    source.close()


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.000", "%Y-%m-%dT%H:%M"])
def test_times_of_sqlite_are_compared_as_moments_whatever_their_form(sqlite_shop: Shop, form: str) -> None:
    sqlite_shop.do("create table t (id integer primary key, at text)")
    moments = [DAY.replace(hour=hour) for hour in range(4)]
    sqlite_shop.do(*(f"insert into t values ({n}, '{at.strftime(form)}')" for n, at in enumerate(moments)))
    sqlite_shop.say({"name": "t", "watermark": "at"})
    source = sqlite_shop.source()
    info = source.describe("shop.t")
    kept = Kept()
    source.read(info, ReadContext(Window(moments[1], moments[3]), kept, lambda rows: None))  # type: ignore[arg-type]
    assert kept.found == [{"id": 1, "at": moments[1]}, {"id": 2, "at": moments[2]}]


def test_the_servers_own_clock_ends_the_window_and_a_late_commit_is_found(shop: Shop) -> None:
    table = orders(shop)
    shop.insert(table, {"region": "n", "number": 1, "updated_at": sa_utc(DAY)})
    shop.say({"name": "orders", "watermark": "updated_at", "lag": "10m"})
    first = shop.extract()
    assert first.window is not None
    assert first.complete_to is not None
    assert 600 <= (first.window.end - first.complete_to).total_seconds() < 660
    stamped = first.window.end - timedelta(minutes=2)
    shop.insert(table, {"region": "late", "number": 1, "updated_at": sa_utc(stamped)})
    second = shop.extract()
    assert (second.rows_inserted, second.proof) == (1, "proven")


def test_changes_are_read_and_deletes_found_by_a_sweep(shop: Shop) -> None:
    table = orders(shop)
    shop.insert(table, *({"region": "n", "number": n, "amount": 1, "updated_at": sa_utc(DAY)} for n in range(4)))
    shop.say({"name": "orders", "watermark": "updated_at"})
    shop.extract()
    now = sa.func.current_timestamp()
    shop.do(
        table.update().where(table.c.number == 1).values(amount=2, updated_at=now),
        table.delete().where(table.c.number == 2),
    )
    # A row stamped in this very second comes with the next window.
    results = [shop.extract() for _ in range(2)]
    assert {result.error for result in results} == {None}
    (found,) = reconcile(shop.source(), [], shop.open, spool_root=shop.folder / "spool")
    assert (found.error, found.rows_marked) == (None, 1)
    assert shop.query("select number, _is_deleted from raw_shop.orders where _is_deleted") == [(2, True)]


def test_a_snapshot_marks_what_is_gone_and_unmarks_what_is_back(shop: Shop) -> None:
    table = shop.table("plans", sa.Column("code", sa.String(5), primary_key=True), sa.Column("price", sa.Numeric(8, 2)))
    shop.insert(table, *({"code": code, "price": Decimal("9.99")} for code in "abc"))
    shop.say("plans")
    assert shop.extract().rows_inserted == 3
    assert shop.extract().rows_landed == 0
    shop.do(table.delete().where(table.c.code == "b"))
    assert shop.extract().rows_deleted == 1
    assert shop.query("select code, _is_deleted, price from raw_shop.plans order by 1") == [
        ("a", False, Decimal("9.99")), ("b", True, Decimal("9.99")), ("c", False, Decimal("9.99")),
    ]  # fmt: skip
    shop.insert(table, {"code": "b", "price": Decimal(1)})
    assert shop.extract().rows_updated == 1
    shop.do(table.delete())
    emptied = shop.extract()
    assert "nothing was marked deleted" in (emptied.error or "")


# Rows that cannot be landed.


def test_a_null_watermark_is_said(shop: Shop) -> None:
    table = orders(shop)
    shop.insert(
        table, {"region": "n", "number": 1, "updated_at": sa_utc(DAY)}, {"region": "n", "number": 2, "updated_at": None}
    )
    shop.say({"name": "orders", "watermark": "updated_at"})
    error = shop.extract().error or ""
    assert "rows whose watermark 'updated_at' is null" in error
    assert "leave watermark out" in error


@pytest.mark.usefixtures("small_blocks")
def test_a_null_in_the_key_goes_to_quarantine_and_the_rest_lands(shop: Shop) -> None:
    table = shop.table("t", sa.Column("a", sa.Integer), sa.Column("b", sa.Text), sa.Column("at", sa.DateTime))
    shop.insert(
        table, *({"a": a, "b": b, "at": DAY} for a, b in [(1, "x"), (None, "y"), (2, None), (3, "z"), (4, "z")])
    )
    shop.say({"name": "t", "key": ["a", "b"], "watermark": "at"})
    result = shop.extract()
    assert (result.error, result.rows_inserted, result.rows_quarantined, result.proof) == (None, 3, 2, "proven")
    assert shop.query("select rule, position from ops.quarantine order by 2") == [
        ("null_key", "a=2, b=None"), ("null_key", "a=None, b=y"),
    ]  # fmt: skip


def test_a_value_that_is_not_of_its_type_goes_to_quarantine(sqlite_shop: Shop) -> None:
    sqlite_shop.do(
        "create table t (id integer primary key, amount decimal(6, 2), n integer, day date, ok boolean, said text)",
        "insert into t values (1, 1.005, 7, '2026-01-02', 1, 'a'), (2, 'much', 7, '2026-01-02', 0, 'b'),"
        " (3, 1, 'seven', null, null, null), (4, 12345.67, 7, null, 1, null), (5, 1, 7, 'soon', 1, x'ff'),"
        " (6, 1, 7.5, null, 1, null), (7, '2.50', '8', null, 'maybe', null), (8, null, null, null, null, 5)",
    )
    sqlite_shop.say("t")
    result = sqlite_shop.extract()
    assert (result.error, result.rows_inserted, result.rows_quarantined) == (None, 2, 6)
    assert sqlite_shop.query("select id, amount, n, day, ok, said from raw_shop.t order by 1") == [
        (1, Decimal("1.01"), 7, date(2026, 1, 2), True, "a"), (8, None, None, None, None, "5"),
    ]  # fmt: skip
    assert sqlite_shop.query("select position, rule from ops.quarantine order by 1") == [
        ("id=2", "type:amount"), ("id=3", "type:n"), ("id=4", "type:amount"), ("id=5", "type:day"),
        ("id=6", "type:n"), ("id=7", "type:ok"),
    ]  # fmt: skip


# Types and names.


def test_types_land_to_the_digit(postgres_shop: Shop) -> None:
    postgres_shop.do(
        "create domain euros as numeric(20, 4)",
        "create type mood as enum ('good', 'bad')",
        """create table t (
            id uuid primary key, small smallint, big bigint, exact numeric(38, 10), loose numeric, price euros,
            ratio double precision, short real, ok boolean, day date, at timestamp, at_zone timestamptz, hour time,
            words text, code char(4), js json, jsb jsonb, feeling mood, span interval, tags text[], address inet,
            picture bytea, nothing integer)""",
        """insert into t values (
            '3b241101-e2bb-4255-8caf-4136c566a962', -32768, 9223372036854775807,
            1234567890123456789012345678.0123456789, 0.10000000000000000000000000000000000001, -1.2345, 0.1, 0.5, true,
            '1899-12-31', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901+02', '23:59:59.999999',
            'é \n "x", ''y''', 'ab', '{"b": 1,  "a": [1.10]}', '{"b": 1.10}', 'good', '1 day 02:00', '{"a","b c"}',
            '10.0.0.1', 'x', null)""",
        "insert into t (id) values ('00000000-0000-0000-0000-000000000000')",
    )
    postgres_shop.say("t")
    result = postgres_shop.extract()
    assert (result.error, result.rows_inserted, result.rows_quarantined) == (None, 2, 0)
    with postgres_shop.open() as warehouse:
        empty, row = warehouse.rows("select * exclude (_extracted_at, _run_id) from raw_shop.t order by id")
    assert {name: value for name, value in row.items() if not name.startswith("_")} == {
        "id": "3b241101-e2bb-4255-8caf-4136c566a962", "small": -32768, "big": 9223372036854775807,
        "exact": Decimal("1234567890123456789012345678.0123456789"),
        "loose": "0.10000000000000000000000000000000000001",
        "price": "-1.2345", "ratio": 0.1, "short": 0.5, "ok": True, "day": date(1899, 12, 31),
        "at": datetime(2026, 1, 2, 3, 4, 5, 678901), "at_zone": datetime(2026, 1, 2, 1, 4, 5, 678901),
        "hour": time(23, 59, 59, 999999), "words": 'é \n "x", \'y\'', "code": "ab  ", "js": '{"b": 1,  "a": [1.10]}',
        "jsb": '{"b": 1.10}', "feeling": "good", "span": "1 day 02:00:00", "tags": '{a,"b c"}',
        "address": "10.0.0.1/32", "nothing": None,
    }  # fmt: skip
    assert set(empty.values()) == {"00000000-0000-0000-0000-000000000000", None, False}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["uuid", "numeric(20, 5)", "timestamptz", "text", "date", "bigint"])
def test_keys_of_any_type_are_read_in_blocks(postgres_shop: Shop, kind: str) -> None:
    values = {
        "uuid": "('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid", "numeric(20, 5)": "n / 3.0",
        "timestamptz": "timestamptz '2026-01-01 00:00:00.000001+03' + n * interval '1 microsecond'",
        "text": "chr(96 + n)", "date": "date '2026-01-01' + n", "bigint": "n * 1000000000000",
    }[kind]  # fmt: skip
    postgres_shop.do(f"create table t as select ({values})::{kind} as k, n from generate_series(1, 10) n")
    postgres_shop.say({"name": "t", "key": "k"})
    result = postgres_shop.extract()
    assert (result.error, result.rows_inserted) == (None, 10)


@pytest.mark.usefixtures("small_blocks")
def test_a_watermark_of_days_is_read_again_for_as_long_as_its_day_may_last(postgres_shop: Shop) -> None:
    postgres_shop.do(
        "create table t (id int primary key, day date not null)",
        "insert into t select n, current_date - n from generate_series(0, 9) n",
    )
    postgres_shop.say({"name": "t", "watermark": "day"})
    result = postgres_shop.extract()
    assert (result.error, result.rows_inserted, result.proof) == (None, 10, "proven")
    postgres_shop.do("insert into t values (99, current_date)")
    assert (postgres_shop.extract().rows_inserted, shop_ids(postgres_shop)) == (1, [*range(10), 99])


def shop_ids(shop: Shop) -> list[int]:
    return [row[0] for row in shop.query("select id from raw_shop.t order by 1")]


HOSTILE = (
    'a"b',
    "it's; drop table people; --",
    "select",
    "two words",
    "percent %s %(x)s",
    ":x",
    "[x]",
    "{{ y }}",
    "Größe",
)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", [*HOSTILE, "dot.in.name", "Upper"])
def test_hostile_names_are_only_names(shop: Shop, name: str) -> None:
    others = [other for other in HOSTILE if other != name]
    table = shop.table(
        name,
        sa.Column(name, sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("when;", sa.DateTime),
        *(sa.Column(other, sa.String(20)) for other in others),
    )
    shop.insert(table, *({name: n, "when;": DAY} | dict.fromkeys(others, f"{n}'") for n in range(5)))
    shop.say({"name": name, "schema": None, "as": "hostile", "watermark": "when;"})
    result = shop.extract()
    assert (result.error, result.rows_inserted, result.proof) == (None, 5, "proven")
    landed = shop.query(
        "select * exclude (_extracted_at, _run_id, _is_deleted, _deleted_at, _deleted_how, _quarantined_at)"
        " from raw_shop.hostile"
    )
    assert sorted(landed) == [(n, DAY, *[f"{n}'"] * len(others)) for n in range(5)]


def test_a_table_of_another_schema_and_a_view_with_a_key(postgres_shop: Shop) -> None:
    postgres_shop.do(
        'create schema "Sales Dept"', 'create table "Sales Dept".orders (id int primary key, secret text, kept text)',
        """insert into "Sales Dept".orders values (1, 's', 'k')""",
        'create view seen as select id, kept from "Sales Dept".orders',
    )  # fmt: skip
    postgres_shop.say(
        {"name": "Sales Dept.orders", "exclude": ["secret"]}, {"name": "seen", "key": "id"},
        {"name": "orders", "schema": "Sales Dept", "as": "few", "include": "kept"},
    )  # fmt: skip
    assert {name: result.error for name, result in postgres_shop.extract_all().items()} == {
        "shop.orders": None, "shop.seen": None, "shop.few": None,
    }  # fmt: skip
    for table in ("orders", "seen", "few"):
        assert postgres_shop.query(f"select id, kept from raw_shop.{table}") == [(1, "k")]
    assert postgres_shop.query(
        "select count(*) from information_schema.columns where column_name = 'secret'"
    ) == [(0,)]  # fmt: skip


def test_bytes_are_left_out_and_said(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("picture", sa.LargeBinary))
    shop.say("t")
    assert shop.extract().error is None
    assert "table t: picture is left out, since it holds bytes" in caplog.text


def test_a_session_can_only_read(shop: Shop) -> None:
    table = orders(shop)
    shop.say("orders")
    source = shop.source()
    (database,) = source._databases.values()
    with pytest.raises(SourceError, match=r"read-?only"), database.transaction() as connection:
        connection.execute(table.insert(), [{"region": "n", "number": 1}])
    source.close()


# Errors.


def failure(shop: Shop) -> str:
    """The one sentence of a run that fails, and never the password."""
    try:
        errors = [str(result.error) for result in shop.extract_all().values()]
    except SourceError as error:
        errors = [f"{type(error).__name__}: {error}"]
    (said,) = errors
    assert PASSWORD not in said
    assert "secret" not in said
    assert "\n" not in said
    return said


def test_a_wrong_password_is_said_without_it(
    postgres_shop: Shop, postgres: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    postgres_shop.say("orders")
    postgres_shop.env["SHOP_URL"] = postgres.url("the secret one")
    assert failure(postgres_shop).startswith("AccessDenied: shop (127.0.0.1) refuses the user or the password")
    assert "secret" not in repr(postgres_shop.source().__dict__)
    assert "secret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("password", ["plain", "p@ss/w:rd %41 'x'", "a?b#c&d=e", "${x}"])
def test_any_password_may_come_from_the_environment(postgres_shop: Shop, postgres: Server, password: str) -> None:
    user = f"user_{next(NUMBERS)}"
    quoted = password.replace("'", "''").replace(":", "\\:")
    postgres_shop.do(f"create role {user} login password '{quoted}'")
    postgres_shop.say("t", url=f"postgresql+pg8000://{user}:${{PW}}@${{HOST}}:${{PORT}}/postgres")
    postgres_shop.env |= {"PW": password, "HOST": "127.0.0.1", "PORT": str(postgres.port)}
    assert "there is no such table" in failure(postgres_shop)


def test_a_table_that_may_not_be_read_is_said(postgres_shop: Shop, postgres: Server) -> None:
    user = f"user_{next(NUMBERS)}"
    postgres_shop.do("create table t (id int primary key)", f"create role {user} login password 'secret'")
    database = postgres_shop.engine.url.database
    postgres_shop.say("t", url=f"postgresql+pg8000://{user}:secret@127.0.0.1:{postgres.port}/{database}")
    assert failure(postgres_shop) == (
        "shop (127.0.0.1) does not allow this user to read (permission denied for table t); grant it select."
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+pg8000://u:secret@no-such-host.invalid/db", "the host no-such-host.invalid is unknown"),
        ("postgresql+pg8000://u:secret@127.0.0.1:1/db", "nothing answers on port 1 of 127.0.0.1"),
        ("mysql+pymysql://u:secret@127.0.0.1:1/db", "nothing answers on port 1"),
        ("nosuch://u:secret@h/db", "nothing here speaks nosuch"),
        ("firebird+fdb://u:secret@h/db", "nothing here speaks firebird+fdb"),
        ("snowflake+nodriver://u:secret@h/db", "speaks"),
        ("sqlite:///nowhere/shop.db", "there is no such file"),
        ("postgresql+pg8000://u:secret@h:port/db", "the url must be dialect+driver://"),
        ("not a url secret", "the url must be dialect+driver://"),
        ("${NO_SUCH}", "the url needs NO_SUCH"),
    ],
)
def test_an_unreachable_database_is_one_sentence(sqlite_shop: Shop, url: str, says: str) -> None:
    sqlite_shop.say("t", url=url)
    assert says in failure(sqlite_shop)
    assert not (sqlite_shop.folder / "w.duckdb").exists()


def test_a_missing_driver_names_what_to_install(
    sqlite_shop: Shop, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg2", None)
    sqlite_shop.say("t", url=f"postgresql+psycopg2://u:secret@127.0.0.1:{postgres.port}/db")
    assert "its driver is missing; .venv/bin/python -m pip install psycopg2" in failure(sqlite_shop)


def test_a_database_that_is_not_there_is_said(postgres_shop: Shop, postgres: Server) -> None:
    postgres_shop.say("t")
    postgres_shop.env["SHOP_URL"] = postgres.url(database="nope")
    assert "has no database called 'nope'; correct the url" in failure(postgres_shop)


def test_a_dead_database_fails_its_own_tables_only(sqlite_shop: Shop) -> None:
    orders(sqlite_shop)
    tables = [{"name": "orders", "watermark": "updated_at"}]
    connections = [
        {"name": "dead", "url": "postgresql+pg8000://u:secret@127.0.0.1:1/db", "tables": tables},
        {"name": "shop", "url": "${SHOP_URL}", "tables": tables},
    ]
    (sqlite_shop.folder / "sql.yml").write_text(yaml.safe_dump({"connections": connections}))
    results = sqlite_shop.extract_all()
    assert "nothing answers" in (results["dead.orders"].error or "")
    assert results["shop.orders"].error is None


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("nope", "table nope: there is no such table"),
        ({"name": "orders", "watermark": "nope"}, "no column 'nope'; there are region, number, amount, updated_at"),
        ({"name": "orders", "key": ["region", "nope"]}, "no column 'nope'"),
        ({"name": "orders", "exclude": "nope"}, "no column 'nope'"),
        ({"name": "orders", "watermark": "amount"}, "'amount' cannot be the watermark"),
        ("keyless", "it has no primary key; say which columns"),
    ],
)
def test_a_table_that_is_not_as_said_is_one_sentence(shop: Shop, table: Any, says: str) -> None:
    orders(shop)
    shop.table("keyless", sa.Column("a", sa.Integer))
    shop.say(table)
    assert says in failure(shop)


# The file of connections.

ENTRY = {"name": "shop", "url": "sqlite:///shop.db", "tables": ["t"]}
MAPPED = {"name": "t", "contract": "people", "columns": {"person_id": "id"}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("connections: [", "is not valid YAML at line"),
        ({}, "must have one key, connections"),
        ({"connections": ["shop"]}, "a connection that is not a mapping"),
        ({"connections": [{}]}, "has a connection without a name"),
        ({"connections": [ENTRY, ENTRY]}, "two connections called 'shop'"),
        ({"connections": [ENTRY | {"uri": "x"}]}, "'uri' is not a key"),
        ({"connections": [ENTRY | {"name": "My Shop"}]}, "so call it 'my_shop'"),
        ({"connections": [ENTRY | {"name": "hubspot"}]}, "raw_hubspot belongs to another source"),
        ({"connections": [ENTRY | {"name": "sql"}]}, "raw_sql belongs to another source"),
        ({"connections": [ENTRY | {"name": "segment_profiles_sync"}]}, "go together"),
        ({"connections": [ENTRY | {"preset": "nope"}]}, "there is no preset 'nope'; there are segment_profiles_sync"),
        ({"connections": [ENTRY | {"preset": "segment_profiles_sync"}]}, "go together; leave the name out"),
        (
            {"connections": [{"preset": "segment_profiles_sync", "url": "sqlite://", "tables": ["x"]}]},
            "the preset knows",
        ),
        ({"connections": [ENTRY | {"url": ""}]}, "the url must be"),
        ({"connections": [ENTRY | {"tables": []}]}, "tables must be a list"),
        ({"connections": [ENTRY | {"tables": [{}]}]}, "a table without a name"),
        ({"connections": [ENTRY | {"tables": [{"name": "t", "keys": "id"}]}]}, "'keys' is not a key"),
        ({"connections": [ENTRY | {"tables": ["a.t", "b.t"]}]}, "say as: for one of those called 't'"),
        ({"connections": [ENTRY | {"tables": [{"name": "t", "as": "A b"}]}]}, "say 'a_b'"),
        ({"connections": [ENTRY | {"tables": [{"name": "t", "lag": "soon"}]}]}, "lag must be a number and a unit"),
        ({"connections": [ENTRY | {"tables": [{"name": "t", "key": [1]}]}]}, "key must be a column or a list"),
        ({"connections": [ENTRY | {"tables": [{"name": "t", "include": "a", "exclude": "b"}]}]}, "not both"),
        (
            {"connections": [ENTRY | {"tables": [{"name": "t", "columns": {}}]}]},
            "columns is for tables with a contract",
        ),
        ({"connections": [ENTRY | {"tables": [MAPPED | {"contract": "pets"}]}]}, "there is no contract 'pets'"),
        ({"connections": [ENTRY | {"tables": [MAPPED | {"columns": {}}]}]}, "person_id is missing"),
        ({"connections": [ENTRY | {"tables": [MAPPED | {"columns": ["id"]}]}]}, "to the table's"),
        ({"connections": [ENTRY | {"tables": [MAPPED, MAPPED]}]}, "two data sets called 'shop (people)'"),
        (
            {
                "connections": [
                    ENTRY
                    | {"tables": [MAPPED | {"columns": {"person_id": {"number_within": ["email"]}, "email": "e"}}]}
                ]
            },
            "person_id cannot be numbered",
        ),
    ],
)
def test_a_wrong_file_is_said_before_any_work(tmp_path: Path, content: Any, says: str) -> None:
    file = tmp_path / "sql.yml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(ConfigurationError) as caught:
        Sql.from_environment({"BRAID_SQL": str(file)})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "url" not in says or "sqlite://" not in str(caught.value)


def test_a_missing_file_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"sql\.yml does not exist: set BRAID_SQL"):
        Sql.from_environment({})
    assert Sql.declared({}) == Sql.objects


# Input contracts.


def people(shop: Shop, *, watermark: str | None = "at", **more: Any) -> dict[str, Any]:
    """The mapping of a table of members."""
    columns = {
        "person_id": "Member No",
        "email": "mail",
        "last_name": {"sql": 'upper("name")'},
        "country": {"value": "DE"},
    }
    said = {"name": "members", "contract": "people", "columns": columns, **more}
    return said | ({"watermark": watermark} if watermark else {})


def members(shop: Shop, name: str = "members") -> sa.Table:
    table = shop.table(
        name,
        sa.Column("Member No", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("mail", sa.String(50)),
        sa.Column("name", sa.String(50)),
        sa.Column("picture", sa.LargeBinary),
        sa.Column("at", sa.DateTime),
    )
    shop.insert(table, *({"Member No": n, "mail": f"m{n}@x.example", "name": f"m{n}", "at": DAY} for n in range(3)))
    return table


LANDED = (
    "select dataset, person_id, email, last_name, country, _watermark, _is_deleted from raw_sql.people order by 1, 2"
)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("watermark", ["at", None])
def test_a_table_lands_as_an_input_contract(shop: Shop, watermark: str | None) -> None:
    members(shop)
    shop.say(people(shop, watermark=watermark))
    result = shop.extract()
    assert (result.error, result.table, result.rows_inserted) == (None, "raw_sql.people", 3)
    assert result.proof == ("proven" if watermark else "uncounted")
    moment = DAY if watermark else None
    assert shop.query(LANDED) == [("shop", str(n), f"m{n}@x.example", f"M{n}", "DE", moment, False) for n in range(3)]
    assert shop.extract().rows_landed == 0


def test_a_table_mapped_later_or_otherwise_brings_its_history(shop: Shop) -> None:
    members(shop)
    members(shop, "guests")
    shop.say(people(shop))
    shop.extract()
    shop.say(people(shop), people(shop, name="guests", dataset="guests"))
    result = shop.extract()
    assert (result.error, result.rows_inserted, result.proof) == (None, 3, "proven")
    shop.say(people(shop, columns={"person_id": "Member No"}), people(shop, name="guests", dataset="guests"))
    assert shop.extract().rows_updated == 3
    assert shop.extract().rows_read == 0


def test_what_a_whole_table_lost_is_marked_in_its_own_data_set_alone(shop: Shop) -> None:
    table = members(shop)
    members(shop, "guests")
    shop.say(people(shop, watermark=None), people(shop, name="guests", dataset="guests"))
    shop.extract()
    shop.do(table.delete().where(table.c["Member No"] == 1))
    assert shop.extract().rows_deleted == 1
    assert [row[:2] for row in shop.query(LANDED) if row[-1]] == [("shop", "1")]
    shop.do(table.delete())
    assert (shop.extract().error, len([row for row in shop.query(LANDED) if row[-1]])) == (None, 1)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"person_id": "nope"}, "has no column 'nope' that can be landed"),
        ({"person_id": "picture"}, "has no column 'picture' that can be landed"),
        ({"person_id": {"sql": "nope + 1"}}, "correct the table or its mapping"),
        ({"person_id": {"sql": 'nullif("Member No", "Member No")'}}, "since a column of their key is empty"),
        ({"person_id": "Member No", "created_at": "name"}, "rows do not fit the contract, mostly by created_at"),
    ],
)
def test_a_mapping_that_does_not_fit_is_one_sentence(sqlite_shop: Shop, columns: Any, says: str) -> None:
    members(sqlite_shop)
    sqlite_shop.say(people(sqlite_shop, columns=columns))
    assert says in failure(sqlite_shop)
    assert sqlite_shop.query("select count(*) from information_schema.tables where table_schema = 'raw_sql'") == [(0,)]


def test_a_row_that_does_not_fit_the_contract_waits_in_quarantine(sqlite_shop: Shop) -> None:
    members(sqlite_shop)
    sqlite_shop.say(people(sqlite_shop, columns={"person_id": {"sql": 'nullif("Member No", 1)'}}))
    assert failure(sqlite_shop) == "None"
    (kept,) = sqlite_shop.query("select rule, record_key, payload from ops.quarantine")
    assert kept[:2] == ("null_key", None)
    assert json.loads(kept[2])["Member No"] == 1
    assert [row[1] for row in sqlite_shop.query(LANDED)] == ["0", "2"]


# Segment Profiles Sync.


def test_profiles_sync_is_known(postgres_shop: Shop) -> None:
    times = "seq text, received_at timestamptz, uuid_ts timestamptz, timestamp timestamptz"
    moment = "'1', '2026-01-02 10:00+00', '2026-01-02 12:00+00', '2026-01-02 09:00+00'"
    postgres_shop.do(
        "create schema ps_space",
        f"create table ps_space.profile_merges (canonical_segment_id text, segment_id text, {times})",
        f"insert into ps_space.profile_merges values ('p1', 'p1', {moment}), ('p1', 'p2', {moment})",
        f"create table ps_space.user_traits (canonical_segment_id text, name text, value text, {times})",
        f"insert into ps_space.user_traits values ('p1', 'email', 'ann@x.example', {moment})",
        f"create table ps_space.user_identifiers (canonical_segment_id text, type text, value text, {times})",
        f"insert into ps_space.user_identifiers values ('p1', 'email', 'ann@x.example', {moment})",
    )
    entry = {
        "preset": "segment_profiles_sync", "url": "${SHOP_URL}", "schema": "ps_space",
        "tables": ["profile_merges", "user_traits", "user_identifiers"],
    }  # fmt: skip
    (postgres_shop.folder / "sql.yml").write_text(yaml.safe_dump({"connections": [entry]}))
    results = postgres_shop.extract_all()
    assert {name: (result.error, result.rows_inserted, result.proof) for name, result in results.items()} == {
        "segment_profiles_sync.profile_merges": (None, 2, "proven"),
        "segment_profiles_sync.user_traits": (None, 1, "proven"),
        "segment_profiles_sync.user_identifiers": (None, 1, "proven"),
    }
    assert postgres_shop.query(
        "select segment_id, canonical_segment_id, uuid_ts from raw_segment_profiles_sync.profile_merges order by 1"
    ) == [("p1", "p1", datetime(2026, 1, 2, 12)), ("p2", "p1", datetime(2026, 1, 2, 12))]
    # A merge moves rows to another profile and deletes the ones it had.
    postgres_shop.do(
        "delete from ps_space.user_traits",
        f"insert into ps_space.user_traits values ('p0', 'email', 'ann@x.example', {moment.replace('12:00', '13:00')})",
        "update ps_space.profile_merges set canonical_segment_id = 'p0', uuid_ts = '2026-01-02 13:00+00'",
    )
    found = reconcile(postgres_shop.source(), [], postgres_shop.open, spool_root=postgres_shop.folder / "spool")
    assert [result.error for result in found] == [None] * 3
    assert postgres_shop.query(
        "select canonical_segment_id, _is_deleted from raw_segment_profiles_sync.user_traits order by 1"
    ) == [("p0", False), ("p1", True)]  # fmt: skip


def test_columns_called_as_ours_keep_their_values(shop: Shop) -> None:
    ours = ["_run_id", "_deleted_at", "_deleted_how", "_extracted_at", "Run-Id", "run_id"]
    table = shop.table("t", sa.Column("id", sa.Integer, primary_key=True), *(sa.Column(n, sa.String(20)) for n in ours))
    shop.insert(table, {"id": 1} | {name: f"theirs {place}" for place, name in enumerate(ours)})
    shop.say("t")
    assert shop.extract().error is None
    with shop.open() as warehouse:
        (row,) = warehouse.rows("from raw_shop.t")
    assert {value for value in row.values() if str(value).startswith("theirs")} == {f"theirs {n}" for n in range(6)}


def test_a_flag_of_the_source_marks_its_rows(shop: Shop) -> None:
    table = shop.table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("is_deleted", sa.Boolean),
        sa.Column("at", sa.DateTime),
    )
    shop.insert(table, *({"id": n, "is_deleted": n == 2, "at": DAY} for n in (1, 2)))
    shop.say({"name": "t", "watermark": "at"})
    result = shop.extract()
    assert (result.error, result.rows_inserted, result.proof) == (None, 2, "proven")
    assert shop.query("select id, _is_deleted, _deleted_how from raw_shop.t order by 1") == [
        (1, False, None),
        (2, True, "flagged"),
    ]
