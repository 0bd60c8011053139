"""Rows reach their table exactly as ``append`` and ``merge`` promise, whatever was there before."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from warehouse.base import CsvPages, LandedCounts, ParquetFiles, TableName, Warehouse, WarehouseError

CONTACT = TableName("raw_crm", "contact")
SCHEMA = pa.schema([("id", pa.string()), ("name", pa.string()), ("changed_at", pa.timestamp("us"))])
DAY = [datetime(2026, 1, day, tzinfo=UTC).replace(tzinfo=None) for day in range(1, 10)]
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def batch(*rows: tuple[Any, ...], schema: pa.Schema = SCHEMA) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def merge(warehouse: Warehouse, data: Any, run: str = "r1", *, deleted: str | bool = False) -> LandedCounts:
    with warehouse.stage(data, constants={"_run_id": run}, derived={"_is_deleted": deleted}) as staged:
        warehouse.ensure_table(CONTACT, staged.schema)
        with warehouse.transaction():
            return warehouse.merge(CONTACT, staged, key=["id"], newest_by=["changed_at"])


def append(warehouse: Warehouse, data: Any, run: str = "r1", **options: Any) -> LandedCounts:
    with warehouse.stage(data, constants={"_run_id": run}) as staged:
        warehouse.ensure_table(CONTACT, staged.schema)
        with warehouse.transaction():
            return warehouse.append(CONTACT, staged, **options)


def stored(warehouse: Warehouse, columns: str = "id, name, _run_id") -> list[tuple[Any, ...]]:
    sql = f"select {columns} from {warehouse.relation(CONTACT)} order by 1, 2, 3"
    return [tuple(row.values()) for row in warehouse.rows(sql)]


def test_a_first_load_creates_the_table_and_counts_its_rows(warehouse: Warehouse) -> None:
    assert merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", None, None))) == LandedCounts(2, 2, 0, 2)
    assert stored(warehouse, "id, name, changed_at, _is_deleted") == [
        ("1", "Ann", DAY[0], False),
        ("2", None, None, False),
    ]


def test_nothing_new_changes_nothing(warehouse: Warehouse) -> None:
    rows = batch(("1", "Ann", DAY[0]), ("2", None, None))
    merge(warehouse, rows)
    assert merge(warehouse, rows, "r2") == LandedCounts(2, 0, 0, 2)
    assert stored(warehouse) == [("1", "Ann", "r1"), ("2", None, "r1")]


def test_merge_inserts_updates_and_leaves_alone(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", "Ben", DAY[0]), ("3", "Cho", DAY[0])))
    counts = merge(warehouse, batch(("2", "Ben", DAY[0]), ("3", None, DAY[1]), ("4", "Dee", DAY[1])), "r2")
    assert counts == LandedCounts(3, 1, 1, 3)
    assert stored(warehouse) == [("1", "Ann", "r1"), ("2", "Ben", "r1"), ("3", None, "r2"), ("4", "Dee", "r2")]


def test_an_older_version_never_replaces_a_newer(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "new", DAY[5]), ("2", "new", DAY[5]), ("3", "undated", None)))
    counts = merge(warehouse, batch(("1", "old", DAY[4]), ("2", "undated", None), ("3", "dated", DAY[1])), "r2")
    assert counts == LandedCounts(3, 0, 1, 3)
    assert stored(warehouse) == [("1", "new", "r1"), ("2", "new", "r1"), ("3", "dated", "r2")]


def test_a_change_without_a_newer_stamp_still_lands(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0])))
    assert merge(warehouse, batch(("1", "Anna", DAY[0])), "r2") == LandedCounts(1, 0, 1, 1)
    assert stored(warehouse) == [("1", "Anna", "r2")]


@pytest.mark.parametrize("order", [1, -1], ids=["as read", "reversed"])
@pytest.mark.parametrize("filled", [False, True], ids=["empty table", "filled table"])
def test_of_repeats_the_newest_wins_in_any_order(warehouse: Warehouse, order: int, filled: bool) -> None:
    if filled:
        merge(warehouse, batch(("1", "before", DAY[0]), ("9", "other", DAY[0])), "r0")
    rows = [("1", "b", DAY[2]), ("1", "c", DAY[2]), ("1", "a", DAY[1]), ("1", "z", None), ("2", "x", None)]
    counts = merge(warehouse, batch(*rows[::order]))
    assert counts == (LandedCounts(5, 1, 1, 2) if filled else LandedCounts(5, 2, 0, 2))
    assert [row for row in stored(warehouse) if row[0] != "9"] == [("1", "b", "r1"), ("2", "x", "r1")]


def test_columns_the_batch_lacks_keep_their_values(warehouse: Warehouse) -> None:
    wide = SCHEMA.append(pa.field("tier", pa.string()))
    merge(warehouse, batch(("1", "Ann", DAY[0], "gold"), ("2", "Ben", DAY[0], "tin"), schema=wide))
    assert merge(warehouse, batch(("1", "Anna", DAY[1]), ("3", "Cho", DAY[1])), "r2") == LandedCounts(2, 1, 1, 2)
    assert stored(warehouse, "id, name, tier") == [("1", "Anna", "gold"), ("2", "Ben", "tin"), ("3", "Cho", None)]


def test_a_new_column_is_added_and_filled(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", "Ben", DAY[0])))
    wide = SCHEMA.append(pa.field("tier__c", pa.string()))
    with warehouse.stage(batch(("1", "Ann", DAY[0], "gold"), schema=wide), constants={"_run_id": "r2"}) as staged:
        assert warehouse.ensure_table(CONTACT, staged.schema) == ("tier__c",)
        assert warehouse.ensure_table(CONTACT, staged.schema) == ()
        counts = warehouse.merge(CONTACT, staged, key=["id"], newest_by=["changed_at"])
    assert counts == LandedCounts(1, 0, 1, 1)
    assert stored(warehouse, "id, tier__c, _run_id") == [("1", "gold", "r2"), ("2", None, "r1")]


def test_a_key_of_several_columns(warehouse: Warehouse) -> None:
    schema = pa.schema([("kind", pa.string()), ("id", pa.int64()), ("value", pa.string())])
    table = TableName("raw_crm", "pair")
    for rows, expected in (
        ([("a", 1, "x"), ("a", 2, "x"), ("b", 1, "x"), ("b", 1, "x")], LandedCounts(4, 3, 0, 3)),
        ([("a", 1, "x"), ("a", 2, "y"), ("b", 2, "y")], LandedCounts(3, 1, 1, 3)),
    ):
        with warehouse.stage(batch(*rows, schema=schema), constants={}) as staged:
            warehouse.ensure_table(table, staged.schema)
            assert warehouse.merge(table, staged, key=["kind", "id"]) == expected
    sql = f"select kind, id, value from {warehouse.relation(table)} order by 1, 2"
    assert [tuple(row.values()) for row in warehouse.rows(sql)] == [
        ("a", 1, "x"),
        ("a", 2, "y"),
        ("b", 1, "x"),
        ("b", 2, "y"),
    ]


def test_a_deleted_row_stays_marked_and_may_come_back(warehouse: Warehouse) -> None:
    schema = SCHEMA.append(pa.field("is_deleted", pa.bool_()))
    for day, flag, updated in ((0, False, 0), (1, True, 1), (2, None, 1)):
        counts = merge(warehouse, batch(("1", "Ann", DAY[day], flag), schema=schema), deleted="is_deleted")
        assert counts.updated == updated
        assert stored(warehouse, "id, _is_deleted, is_deleted") == [("1", bool(flag), flag)]


def test_append_takes_everything(warehouse: Warehouse) -> None:
    rows = batch(("1", "a", None), ("1", "a", None))
    assert append(warehouse, rows) == append(warehouse, rows) == LandedCounts(2, 2, 0, 2)
    assert len(stored(warehouse)) == 4


@pytest.mark.parametrize("order", [1, -1], ids=["as read", "reversed"])
def test_append_unless_key_takes_the_first_and_never_again(warehouse: Warehouse, order: int) -> None:
    rows = [("m1", "late", DAY[2]), ("m1", "early", DAY[1]), ("m2", "b", DAY[1]), ("m2", "a", DAY[1])][::order]
    assert append(warehouse, batch(*rows), unless_key=["id"], first_by=["changed_at"]) == LandedCounts(4, 2, 0, 2)
    later = batch(("m1", "again", DAY[0]), ("m3", "c", DAY[0]), ("m3", "c", DAY[0]))
    assert append(warehouse, later, "r2", unless_key=["id"], first_by=["changed_at"]) == LandedCounts(3, 1, 0, 2)
    assert stored(warehouse) == [("m1", "early", "r1"), ("m2", "a", "r1"), ("m3", "c", "r2")]


@pytest.mark.parametrize("write", [merge, lambda w, d: append(w, d, unless_key=["id"])], ids=["merge", "append"])
def test_a_row_without_its_key_is_refused_and_nothing_lands(warehouse: Warehouse, write: Any) -> None:
    write(warehouse, batch(("1", "Ann", DAY[0])))
    with pytest.raises(WarehouseError, match=r"1 rows for raw_crm\.contact have no value in their key \(id\)"):
        write(warehouse, batch(("2", "Ben", DAY[0]), (None, "Cho", DAY[0])))
    assert [row[:2] for row in stored(warehouse)] == [("1", "Ann")]


def test_an_empty_batch(warehouse: Warehouse) -> None:
    assert merge(warehouse, batch()) == LandedCounts(0, 0, 0, 0)
    merge(warehouse, batch(("1", "Ann", DAY[0])))
    assert merge(warehouse, batch()) == LandedCounts(0, 0, 0, 0)
    assert merge(warehouse, CsvPages((), SCHEMA)) == LandedCounts(0, 0, 0, 0)
    assert merge(warehouse, ParquetFiles((), SCHEMA)) == LandedCounts(0, 0, 0, 0)
    assert len(stored(warehouse)) == 1


def test_two_merges_in_one_transaction(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", "Ben", DAY[0])), "r0")
    first, second = (
        batch(("2", "Ben2", DAY[1]), ("3", "Cho", DAY[1])),
        batch(("3", "Cho2", DAY[2]), ("1", "Ann", DAY[0])),
    )
    options: dict[str, Any] = {"constants": {"_run_id": "r1"}, "derived": {"_is_deleted": False}}
    with warehouse.stage(first, **options) as one, warehouse.stage(second, **options) as two, warehouse.transaction():
        assert warehouse.merge(CONTACT, one, key=["id"], newest_by=["changed_at"]) == LandedCounts(2, 1, 1, 2)
        assert warehouse.merge(CONTACT, two, key=["id"], newest_by=["changed_at"]) == LandedCounts(2, 0, 1, 2)
    assert stored(warehouse) == [("1", "Ann", "r0"), ("2", "Ben2", "r1"), ("3", "Cho2", "r1")]


def test_a_failure_rolls_everything_back(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0])))
    options: dict[str, Any] = {"constants": {"_run_id": "r2"}, "derived": {"_is_deleted": False}}
    with warehouse.stage(batch(("1", "Anna", DAY[1]), ("2", "Ben", DAY[1])), **options) as staged:
        with pytest.raises(ZeroDivisionError), warehouse.transaction():
            assert warehouse.merge(CONTACT, staged, key=["id"], newest_by=["changed_at"]).inserted / 0
        assert stored(warehouse) == [("1", "Ann", "r1")]
        # The connection is as good as before.
        assert warehouse.merge(CONTACT, staged, key=["id"], newest_by=["changed_at"]) == LandedCounts(2, 1, 1, 2)


def test_every_type_survives(warehouse: Warehouse) -> None:
    schema = pa.schema(
        [
            ("s", pa.string()),
            ("i", pa.int64()),
            ("f", pa.float64()),
            ("d", pa.decimal128(18, 2)),
            ("b", pa.bool_()),
            ("day", pa.date32()),
            ("t", pa.time64("us")),
            ("ts", pa.timestamp("us")),
        ]
    )
    row = (
        "é\u2028\"'\\ ${x}\n",
        2**63 - 1,
        0.1,
        Decimal("-12345678901234.56"),
        True,
        date(1969, 12, 31),
        MOMENT.time(),
        MOMENT.replace(tzinfo=None),
    )
    table = TableName("raw_crm", "typed")
    with warehouse.stage(batch(row, (None,) * 8, schema=schema), constants={}) as staged:
        warehouse.ensure_table(table, staged.schema)
        warehouse.append(table, staged)
        assert warehouse.ensure_table(table, staged.schema) == ()
    result = warehouse.query(f"select * from {warehouse.relation(table)} where s is not null")
    assert [tuple(r.values()) for r in result.to_pylist()] == [row]
    stored_types = warehouse.columns(table)
    assert stored_types is not None
    assert list(stored_types) == schema.names


def test_parquet_lands_as_arrow_does(warehouse: Warehouse, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(batch(("1", "Ann", DAY[0])), tmp_path / "a.parquet")
    pq.write_table(batch(("2", None, None)), tmp_path / "b.parquet")
    files = ParquetFiles((tmp_path / "a.parquet", tmp_path / "b.parquet"), SCHEMA)
    assert merge(warehouse, files) == LandedCounts(2, 2, 0, 2)
    assert merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", None, None))) == LandedCounts(2, 0, 0, 2)


def test_a_changed_type_is_a_sentence(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0])))
    changed = pa.schema([("id", pa.string()), ("name", pa.int64())])
    with pytest.raises(
        WarehouseError, match=r"Column raw_crm\.contact\.name is stored as string and now comes as int64"
    ):
        warehouse.ensure_table(CONTACT, changed)


def test_an_unknown_type_is_a_sentence(warehouse: Warehouse) -> None:
    data = pa.table({"id": ["1"], "tags": [["a"]]})
    with (
        pytest.raises(WarehouseError, match=r"Column 'tags' has the type list<"),
        warehouse.stage(data, constants={}),
    ):
        pass


def test_constants_may_be_of_any_plain_type(warehouse: Warehouse) -> None:
    constants = {
        "text": "it's",
        "flag": True,
        "number": 7,
        "amount": Decimal("1.50"),
        "at": MOMENT,
        "on": date(2026, 1, 2),
    }
    with warehouse.stage(batch(("1", "Ann", None)), constants=constants) as staged:
        assert staged.constants == frozenset(constants)
        names = ", ".join(warehouse.quoted(name) for name in constants)
        row = next(warehouse.rows(f"select {names} from {staged.sql}"))
    assert list(row.values()) == ["it's", True, 7, Decimal("1.50"), MOMENT.replace(tzinfo=None), date(2026, 1, 2)]


def test_a_batch_wider_than_its_table_is_refused(warehouse: Warehouse) -> None:
    warehouse.ensure_table(CONTACT, SCHEMA)
    wide = SCHEMA.append(pa.field("tier", pa.string()))
    with (
        warehouse.stage(batch(("1", "Ann", None, "gold"), schema=wide), constants={}) as staged,
        pytest.raises(WarehouseError, match="call ensure_table first"),
    ):
        warehouse.append(CONTACT, staged)


def test_ddl_inside_a_transaction_is_refused(warehouse: Warehouse) -> None:
    warehouse.ensure_table(CONTACT, SCHEMA)
    for sql in (
        "create table raw_crm.x (a int)",
        "-- note\n/* select */ drop table raw_crm.contact",
        "select 1; alter table raw_crm.contact add column z int",
        "truncate table raw_crm.contact",
        "commit",
    ):
        with pytest.raises(WarehouseError, match="is not allowed inside a transaction"), warehouse.transaction():
            warehouse.execute(sql)
    with warehouse.transaction():
        for sql in (
            f"insert into {warehouse.relation(CONTACT)} (id, name) values ('1', 'x; drop table y -- z')",
            f"/* drop */ update {warehouse.relation(CONTACT)} set name = 'create' where id = '1'",
            f"with x as (select 1 as a) select * from x, {warehouse.relation(CONTACT)}",
        ):
            warehouse.execute(sql)
        with pytest.raises(WarehouseError, match="do it before"):
            warehouse.ensure_table(CONTACT, SCHEMA)
    assert stored(warehouse, "id, name, changed_at") == [("1", "create", None)]


def test_a_missing_table_has_no_columns(warehouse: Warehouse) -> None:
    assert warehouse.columns(TableName("nowhere", "nothing")) is None


def test_a_closed_connection_says_so(warehouse: Warehouse) -> None:
    warehouse.close()
    warehouse.close()
    with pytest.raises(WarehouseError, match="closed already"):
        warehouse.query("select 1")


def test_a_refused_statement_is_one_sentence(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as caught:
        warehouse.query("select no_such_column from (select 1 as a) as t")
    assert len(str(caught.value).splitlines()) == 1


def test_a_refresh_changes_what_is_there_in_the_version_that_was_read(warehouse: Warehouse) -> None:
    merge(warehouse, batch(("1", "Ann", DAY[0]), ("2", "Bob", DAY[0]), ("3", "Cho", DAY[1])))
    fresh = batch(("1", "Anna", DAY[0]), ("2", "Bob", DAY[0]), ("3", "Chloe", DAY[2]), ("4", "Dee", DAY[0]))
    with warehouse.stage(fresh, constants={"_run_id": "r2"}) as staged, warehouse.transaction():
        assert warehouse.refresh(CONTACT, staged, key=["id"], same=["changed_at"]) == 1
    # As it was; another version; not there.
    assert stored(warehouse) == [("1", "Anna", "r2"), ("2", "Bob", "r1"), ("3", "Cho", "r1")]
