"""The frame around every source: windows, spool, landing in one transaction, books, and what a failure leaves."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from extract import registry
from extract.pipeline import ObjectResult, run
from extract.reconcile import reconcile
from extract.source import (
    AccessDenied,
    ConfigurationError,
    MalformedAnswer,
    ObjectInfo,
    ReadContext,
    Source,
    Unreachable,
    Window,
)
from extract.spool import DiskSpool, remove_stale
from extract.status import object_status
from extract.windows import AHEAD, next_window
from warehouse.base import TableName, Warehouse
from warehouse.duckdb import DuckDBWarehouse

NOON = datetime(2026, 1, 5, 12)
MINUTE = timedelta(minutes=1)
TYPES = {"id": pa.string(), "name": pa.string(), "changed_at": pa.timestamp("us"), "is_deleted": pa.bool_()}
Row = dict[str, Any]


def info(name: str = "things", **changes: Any) -> ObjectInfo:
    schema = changes.pop("schema", pa.schema(TYPES))
    plain = ObjectInfo(
        name=name,
        table=TableName("raw_shop", name),
        key=("id",),
        schema=schema,
        fields={column: column for column in schema.names},
        cursor="changed_at",
        newest_by=("changed_at",),
        overlap=10 * MINUTE,
    )
    return replace(plain, **changes)


def row(key: str, minutes: float = 0, name: str = "a", is_deleted: bool = False) -> Row:
    return {"id": key, "name": name, "changed_at": NOON + minutes * MINUTE, "is_deleted": is_deleted}


class Shop(Source):
    """A system in memory: answers a window with the rows of it, or as a test tells it to."""

    name = "shop"
    objects = ("things", "others", "more")

    def __init__(self) -> None:
        self.clock = NOON + MINUTE
        self.infos = {name: info(name) for name in self.objects}
        self.rows: dict[str, list[Row]] = {"things": [row("1"), row("2")], "others": [], "more": []}
        self.reads: list[tuple[str, ReadContext]] = []
        self.instead: dict[str, Callable[[ReadContext], None]] = {}

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Shop":
        return cls()

    def connect(self) -> None:
        pass

    def now(self) -> datetime:
        return self.clock

    def describe(self, name: str) -> ObjectInfo:
        return self.infos[name]

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        self.reads.append((info.name, context))
        if info.name in self.instead:
            self.instead[info.name](context)
            return
        window = context.window
        start = window.start or datetime(1, 1, 1)
        found = [r for r in self.rows[info.name] if start <= r["changed_at"] < window.end]
        if found:
            named = [{column: r.get(field) for column, field in info.fields.items()} for r in found]
            context.spool.rows(pa.Table.from_pylist(named, schema=info.schema))
        context.progress(len(found))


class Bench:
    """A shop, a warehouse, and the extraction between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = Shop()
        self.open_now = 0
        self.progress: list[tuple[str, int]] = []
        self.statements: list[str] = []

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        self.open_now += 1
        with DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2}) as warehouse:
            warehouse.on_statement = self.statements.append
            yield warehouse
        self.open_now -= 1

    def extract(self, *objects: str, full: bool = False) -> dict[str, ObjectResult]:
        results = run(
            self.shop,
            objects or ("things",),
            self.open,
            full=full,
            progress=lambda name, rows: self.progress.append((name, rows)),
            spool_root=self.folder / "spool",
        )
        assert not list((self.folder / "spool").glob("*")), "a spool is left behind"
        return {result.object: result for result in results}

    def one(self, **how: Any) -> ObjectResult:
        return self.extract("things", **how)["things"]

    def query(self, sql: str) -> list[Row]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))

    def stored(self, columns: str = "id, name, _is_deleted") -> list[tuple[Any, ...]]:
        return [tuple(r.values()) for r in self.query(f"select {columns} from raw_shop.things order by id")]

    def watermark(self) -> datetime | None:
        mark: datetime | None = self.query("select max(complete_to) as m from ops.extract_runs")[0]["m"]
        return mark


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# Windows.


@pytest.mark.parametrize(
    ("watermark", "now", "full", "expected"),
    [
        (None, NOON, False, Window(None, NOON)),
        (NOON, NOON + 60 * MINUTE, False, Window(NOON - 10 * MINUTE, NOON + 60 * MINUTE)),
        (NOON, NOON, False, Window(NOON - 10 * MINUTE, NOON)),
        (NOON, NOON - 5 * MINUTE, False, Window(NOON - 10 * MINUTE, NOON)),
        (NOON, NOON - 600 * MINUTE, False, Window(NOON - 10 * MINUTE, NOON)),
        (NOON, NOON + MINUTE, True, Window(None, NOON + MINUTE + AHEAD)),
        (NOON, NOON - MINUTE, True, Window(None, NOON + AHEAD)),
    ],
    ids=["first", "next", "clock stands", "clock back", "clock far back", "full", "full, clock back"],
)
def test_a_window_goes_from_the_watermark_less_the_overlap_to_the_sources_clock(
    watermark: datetime | None, now: datetime, full: bool, expected: Window
) -> None:
    assert next_window(watermark, now, 10 * MINUTE, full=full) == expected


def test_runs_add_up_and_nothing_new_lands_nothing(bench: Bench) -> None:
    first = bench.one()
    assert (first.rows_read, first.rows_inserted, first.rows_updated, first.error) == (2, 2, 0, None)
    assert first.columns_added == ()
    second = bench.one()
    assert (second.rows_read, second.rows_landed) == (2, 0)
    bench.shop.clock += 60 * MINUTE
    bench.shop.rows["things"] = [row("1"), row("2", 30, "changed"), row("3", 31)]
    third = bench.one()
    assert (third.rows_inserted, third.rows_updated) == (1, 1)
    assert bench.stored() == [("1", "a", False), ("2", "changed", False), ("3", "a", False)]
    assert len({first.run_id, second.run_id, third.run_id}) == 3
    run_ids = {r["id"]: r["_run_id"] for r in bench.query("select * from raw_shop.things")}
    assert run_ids == {"1": first.run_id, "2": third.run_id, "3": third.run_id}
    assert bench.watermark() == bench.shop.clock
    assert bench.progress == [("things", 2), ("things", 2), ("things", 3)]


def test_a_row_committed_late_is_caught_by_the_overlap(bench: Bench) -> None:
    bench.one()
    bench.shop.clock += 60 * MINUTE
    bench.shop.rows["things"].append(row("late", -8))
    bench.shop.rows["things"].append(row("too late", -20))
    assert bench.one().rows_inserted == 1
    assert [key for key, _, _ in bench.stored()] == ["1", "2", "late"]


def test_a_row_stamped_in_the_future_does_not_carry_the_watermark_along(bench: Bench) -> None:
    bench.shop.rows["things"].append(row("future", 600))
    bench.one()
    assert bench.watermark() == NOON + MINUTE
    bench.shop.clock = NOON + 5 * MINUTE
    bench.shop.rows["things"].append(row("now", 2))
    assert bench.one().rows_inserted == 1
    bench.shop.clock = NOON + 700 * MINUTE
    assert bench.one().rows_inserted == 1


def test_a_clock_set_back_moves_no_watermark_and_loses_no_row(bench: Bench) -> None:
    bench.one()
    bench.shop.clock = NOON - 300 * MINUTE
    bench.shop.rows["things"].append(row("new", -1))
    result = bench.one()
    assert result.error is None
    assert result.rows_inserted == 1
    assert bench.watermark() == NOON + MINUTE


def test_a_full_load_reads_everything_and_marks_what_is_gone(bench: Bench) -> None:
    bench.one()
    bench.shop.rows["things"] = [row("2"), row("old", -9999)]
    result = bench.one(full=True)
    assert (result.rows_inserted, result.rows_deleted) == (1, 1)
    assert bench.stored() == [("1", "a", True), ("2", "a", False), ("old", "a", False)]
    assert bench.one(full=True).rows_landed == 0
    bench.shop.rows["things"].append(row("1"))
    assert bench.one(full=True).rows_updated == 1
    assert bench.stored()[0] == ("1", "a", False)


def test_a_full_load_of_nothing_marks_nothing(bench: Bench) -> None:
    bench.one()
    bench.shop.rows["things"] = []
    result = bench.one(full=True)
    assert "nothing was marked deleted" in str(result.error)
    assert result.permanent
    assert [deleted for _, _, deleted in bench.stored()] == [False, False]


def test_what_the_source_calls_deleted_is_marked_and_comes_back(bench: Bench) -> None:
    bench.one()
    bench.shop.clock += 2 * MINUTE
    bench.shop.rows["things"] = [row("1", 1.5, is_deleted=True)]
    assert bench.one().rows_updated == 1
    assert bench.stored() == [("1", "a", True), ("2", "a", False)]
    bench.shop.rows["things"] = [row("1", 1.6)]
    assert bench.one().rows_updated == 1
    assert bench.stored()[0] == ("1", "a", False)


# Kinds of objects.


def test_of_a_snapshot_what_is_missing_is_marked(bench: Bench) -> None:
    bench.shop.infos["things"] = info(snapshot=True)
    bench.one()
    bench.shop.rows["things"] = [row("2")]
    assert bench.one().rows_deleted == 1
    assert bench.stored() == [("1", "a", True), ("2", "a", False)]
    assert bench.one().rows_landed == 0
    bench.shop.rows["things"] = []
    assert "nothing was marked deleted" in str(bench.one().error)


def test_an_append_only_object_keeps_the_first_row_of_a_key(bench: Bench) -> None:
    bench.shop.infos["things"] = info(append_only=True, overlap=timedelta(days=9))
    bench.shop.rows["things"] = [row("1", 0, "second"), row("1", -1, "first")]
    assert bench.one().rows_inserted == 1
    bench.shop.rows["things"] = [row("1", -5, "again"), row("2")]
    assert bench.one().rows_inserted == 1
    assert bench.stored() == [("1", "first", False), ("2", "a", False)]
    bench.shop.rows["things"] = [row("3")]
    assert bench.one(full=True).rows_deleted == 0


def test_keys_that_are_gone_are_marked_and_unknown_ones_passed_over(bench: Bench) -> None:
    bench.one()

    def read(context: ReadContext) -> None:
        context.spool.rows(pa.Table.from_pylist([row("3")], schema=pa.schema(TYPES)))
        for key in ("1", "3", "9"):
            context.spool.gone(pa.table({"id": [key]}), how="merged")

    bench.shop.instead["things"] = read
    result = bench.one()
    assert (result.rows_inserted, result.rows_deleted) == (1, 2)
    assert bench.stored() == [("1", "a", True), ("2", "a", False), ("3", "a", True)]
    again = bench.one()
    assert bench.stored() == [("1", "a", True), ("2", "a", False), ("3", "a", True)]
    assert again.error is None


def test_a_scope_read_whole_marks_only_within_it(bench: Bench) -> None:
    bench.shop.rows["things"] = [row("1", 0, "x"), row("2", 0, "x"), row("3", 0, "y")]
    bench.one()

    def read(context: ReadContext) -> None:
        context.spool.rows(pa.Table.from_pylist([row("2", 0, "x")], schema=pa.schema(TYPES)))
        context.spool.whole({"name": "x"})

    bench.shop.instead["things"] = read
    assert bench.one().rows_deleted == 1
    assert bench.stored("id, _is_deleted") == [("1", True), ("2", False), ("3", False)]


def test_rows_may_come_with_fewer_columns_and_with_their_own_flag(bench: Bench) -> None:
    bench.one()

    def read(context: ReadContext) -> None:
        context.spool.rows(pa.table({"id": ["1"], "_is_deleted": [True]}))
        context.spool.rows(pa.table({"id": ["2"], "name": ["b"]}))

    bench.shop.instead["things"] = read
    assert bench.one().rows_updated == 2
    assert bench.stored() == [("1", "a", True), ("2", "b", False)]


def test_csv_pages_land_without_their_nul_bytes(bench: Bench) -> None:
    schema = pa.schema({"id": pa.string(), "name": pa.string()})
    bench.shop.infos["things"] = info(schema=schema, newest_by=(), cursor=None)

    def read(context: ReadContext) -> None:
        for key in ("1", "2"):
            pieces = [b'"Id","Na', b'me"\n"' + key.encode() + b'","a\0', b'\nb ""c"""\n']
            context.spool.csv_page(lambda write, pieces=pieces: [write(piece) for piece in pieces] and None)
        context.spool.expect(2)

    bench.shop.instead["things"] = read
    assert bench.one().rows_inserted == 2
    assert bench.stored("id, name") == [("1", 'a\nb "c"'), ("2", 'a\nb "c"')]


# Proof.


class CountingShop(Shop):
    """A shop that counts, and in which things happen while it is read."""

    counted = ("things",)

    def __init__(self) -> None:
        super().__init__()
        self.before_read: Callable[[], None] | None = None
        self.after_read: Callable[[], None] | None = None
        self.miscounts = 0
        self.infos["things"] = info(counts_deleted=True)

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        start = window.start or datetime(1, 1, 1)
        self.miscounts -= 1
        rows = [r for r in self.rows[info.name] if start <= r["changed_at"] < window.end]
        return len(rows) + (1 if self.miscounts >= 0 else 0)

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        before, after = self.before_read, self.after_read
        self.before_read = self.after_read = None
        if before:
            before()
        super().read(info, context)
        if after:
            after()


@pytest.fixture
def counting(bench: Bench) -> Bench:
    bench.shop = CountingShop()
    return bench


def test_a_window_is_proven_by_the_sources_count(counting: Bench) -> None:
    result = counting.one()
    assert (result.proof, result.source_count, result.landed_count) == ("proven", 2, 2)
    assert (result.complete_to, counting.watermark()) == (NOON + MINUTE, NOON + MINUTE)


def test_a_window_that_does_not_add_up_is_read_again_and_halved_and_stays_open(counting: Bench) -> None:
    counting.one()
    counting.shop.clock = NOON + 60 * MINUTE
    counting.shop.rows["things"].append(row("3", 30))
    counting.shop.miscounts = 10_000  # type: ignore[attr-defined]
    result = counting.one()
    assert (result.error, result.proof) == (None, "open")
    assert counting.watermark() == NOON + MINUTE, "what is not proven is not passed"
    assert ("3", "a", False) in counting.stored(), "and its rows are there all the same"
    with counting.open() as warehouse:
        (status,) = object_status(warehouse)
    assert status.open_windows > 0
    assert status.proven_to == NOON + MINUTE
    counting.shop.miscounts = 0  # type: ignore[attr-defined]
    assert counting.one().proof == "proven"
    assert counting.watermark() == NOON + 60 * MINUTE
    with counting.open() as warehouse:
        assert object_status(warehouse)[0].open_windows == 0


def test_a_miscount_in_one_half_holds_the_watermark_at_the_other(counting: Bench) -> None:
    counting.one()
    counting.shop.clock = NOON + 61 * MINUTE
    counting.shop.rows["things"] += [row("3", 10), row("4", 50)]
    real = counting.shop.count

    def count(info: ObjectInfo, window: Window) -> int | None:
        wrong = window.end > NOON + 50 * MINUTE >= (window.start or NOON)
        return (real(info, window) or 0) + wrong

    counting.shop.count = count  # type: ignore[method-assign]
    result = counting.one()
    assert result.proof == "open"
    mark = counting.watermark()
    assert mark is not None
    assert NOON + 10 * MINUTE < mark <= NOON + 50 * MINUTE


def test_rows_that_change_while_they_are_read_are_looked_for_in_the_next_window(counting: Bench) -> None:
    shop = counting.shop
    shop.rows["things"].append(row("3"))

    def change(place: int) -> None:
        shop.clock = NOON + 5 * MINUTE
        shop.rows["things"][place] = row(str(place + 1), 3, name="changed meanwhile")

    # Counted three; the first changes before it is read, the second after: two are read, one is left to count.
    shop.before_read, shop.after_read = (lambda: change(0)), (lambda: change(1))  # type: ignore[attr-defined]
    result = counting.one()
    assert result.proof == "proven"
    assert counting.watermark() == NOON + MINUTE
    assert counting.stored("id, name") == [("1", "changed meanwhile"), ("2", "changed meanwhile"), ("3", "a")]
    assert len(shop.reads) == 2, "the window, and what is beyond it"


def test_the_watermark_stays_behind_the_clock_as_long_as_rows_come_late(counting: Bench) -> None:
    counting.one()
    counting.shop.clock = NOON + 60 * MINUTE
    counting.one()
    counting.shop.clock = NOON + 120 * MINUTE
    # Stamped four minutes before the last look, and not there then.
    counting.shop.rows["things"].append(row("late", 56))
    counting.one()
    late = counting.query("select late_rows, lateness_seconds from ops.extract_runs order by finished_at desc limit 1")
    assert late == [{"late_rows": 1, "lateness_seconds": 240.0}]
    counting.shop.clock = NOON + 180 * MINUTE
    counting.one()
    assert counting.watermark() == NOON + 174 * MINUTE, "four minutes and half as much again"


def test_an_empty_window_is_neither_read_nor_written_but_for_its_run(counting: Bench) -> None:
    counting.one()
    counting.shop.clock = NOON + 60 * MINUTE
    counting.one()
    reads, windows = len(counting.shop.reads), counting.query("select count(*) as n from ops.extract_windows")
    counting.shop.clock = NOON + 120 * MINUTE
    assert counting.one().proof == "proven"
    assert len(counting.shop.reads) == reads
    assert counting.query("select count(*) as n from ops.extract_windows") == windows
    assert counting.watermark() == NOON + 120 * MINUTE


@pytest.mark.parametrize("way", ["full", "sweep"])
def test_a_row_that_changes_while_everything_is_read_is_not_taken_for_gone(counting: Bench, way: str) -> None:
    counting.one()
    counting.shop.rows["things"][0] = row("1", 30, name="newer than the clock")
    if way == "full":
        counting.one(full=True)
    else:
        reconcile(counting.shop, ["things"], counting.open, spool_root=counting.folder / "spool")
    assert [flag for _, _, flag in counting.stored()] == [False, False]


def test_a_sweep_marks_what_vanished_and_takes_it_back(counting: Bench) -> None:
    counting.one()
    gone = counting.shop.rows["things"].pop(0)
    (swept,) = reconcile(counting.shop, ["things"], counting.open, spool_root=counting.folder / "spool")
    assert (swept.rows_marked, swept.proof, swept.source_count) == (1, "proven", 1)
    marked = counting.query(
        "select _deleted_how, _deleted_at is not null as noticed from raw_shop.things where id = '1'"
    )
    assert marked == [{"_deleted_how": "swept", "noticed": True}]
    counting.shop.rows["things"].append(gone)
    (back,) = reconcile(counting.shop, ["things"], counting.open, spool_root=counting.folder / "spool")
    assert (back.rows_landed, back.proof) == (1, "proven")
    assert counting.query("select _deleted_how as how from raw_shop.things where id = '1'") == [{"how": None}]


# Failures.


def test_fewer_rows_than_the_source_announced_are_refused(bench: Bench) -> None:
    schema = pa.schema({"id": pa.string(), "name": pa.string()})
    bench.shop.infos["things"] = info(schema=schema, newest_by=(), cursor=None)

    def read(context: ReadContext) -> None:
        context.spool.csv_page(lambda write: write(b'"id","name"\n"1","a"\n') and None)
        context.spool.expect(announced)

    bench.shop.instead["things"] = read
    announced = 1
    assert bench.one().error is None
    mark, rows = bench.watermark(), bench.stored()
    announced = 2
    assert "announced 2 rows of shop things and sent 1" in str(bench.one().error)
    assert (bench.watermark(), bench.stored()) == (mark, rows)


@pytest.mark.parametrize(
    ("error", "permanent"),
    [(Unreachable("The shop is shut."), False), (AccessDenied("Who are you?"), True), (MalformedAnswer("Eh?"), False)],
    ids=["unreachable", "denied", "malformed"],
)
def test_an_object_that_fails_half_way_changes_nothing_and_stops_no_other(
    bench: Bench, error: Exception, permanent: bool
) -> None:
    bench.extract("things", "others")
    before = (bench.watermark(), bench.stored())
    bench.shop.clock += 60 * MINUTE

    def read(context: ReadContext) -> None:
        context.spool.rows(pa.Table.from_pylist([row("3"), row("4")], schema=pa.schema(TYPES)))
        raise error

    bench.shop.instead["things"] = read
    bench.shop.rows["others"] = [row("o")]
    results = bench.extract("things", "others")
    assert (results["things"].error, results["things"].permanent) == (str(error), permanent)
    assert results["things"].rows_landed == 0
    assert results["others"].rows_inserted == 1
    assert bench.stored() == before[1]
    runs = bench.query("select object, status, error, rows_landed from ops.extract_runs order by finished_at, object")
    assert runs[-2:] == [
        {"object": "things", "status": "failed", "error": str(error), "rows_landed": 0},
        {"object": "others", "status": "succeeded", "error": None, "rows_landed": 1},
    ]
    del bench.shop.instead["things"]
    bench.one()
    assert bench.shop.reads[-1][1].window.start == NOON + MINUTE - 10 * MINUTE


def test_a_first_run_that_fails_is_on_record_too(bench: Bench) -> None:
    def read(context: ReadContext) -> None:
        raise Unreachable("The shop is shut.")

    bench.shop.instead["things"] = read
    assert bench.one().error == "The shop is shut."
    assert bench.query("select status, table_name, braid_version from ops.extract_runs") == [
        {"status": "failed", "table_name": "things", "braid_version": "0.1.0"}
    ]
    assert bench.watermark() is None


def test_values_of_another_type_get_a_column_of_their_own(bench: Bench) -> None:
    bench.one()
    bench.shop.infos["things"] = info(schema=pa.schema(TYPES | {"name": pa.float64()}))
    bench.shop.rows["things"] = [row("1"), row("2", 0.5) | {"name": 2.5}]
    bench.shop.rows["things"][0]["name"] = 7.0
    result = bench.one()
    assert (result.error, result.columns_added) == (None, ("name__number",))
    # The old row did not change at the source: its value came with the read of the new column alone.
    assert bench.stored("id, name, name__number") == [("1", "a", 7.0), ("2", "a", 2.5)]
    changes = bench.query("select column_name, change, old_type, new_type from ops.schema_changes order by noticed_at")
    assert [tuple(change.values()) for change in changes[1:]] == [
        ("name", "type_changed", "string", "double"),
        ("name__number", "column_added", None, "double"),
    ]
    assert bench.one().changes == ()
    bench.shop.infos["things"] = info()
    bench.shop.rows["things"] = [row("2", 0.75, name="back")]
    assert [change.change for change in bench.one().changes] == ["type_changed"]
    assert bench.stored("id, name, name__number") == [("1", "a", 7.0), ("2", "back", 2.5)]


def test_a_row_without_a_key_goes_to_quarantine_and_its_batch_flows(bench: Bench) -> None:
    bench.one()
    bench.shop.rows["things"] = [row("3"), row(None)]  # type: ignore[arg-type]
    assert bench.one().error is None
    assert [key for key, _, _ in bench.stored()] == ["1", "2", "3"]
    with bench.open() as warehouse:
        (kept,) = warehouse.rows("select rule, record_key, reason, status from ops.quarantine")
    assert (kept["rule"], kept["record_key"], kept["status"]) == ("null_key", None, "open")
    assert "no value in its key" in str(kept["reason"])


def test_what_is_no_object_is_told_before_anything_is_asked(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="no object called nothing; it has things, others, more"):
        bench.extract("things", "nothing")
    assert not bench.shop.reads


# The warehouse.


def test_the_warehouse_is_closed_while_the_source_is_read(bench: Bench) -> None:
    bench.shop.instead["things"] = lambda context: seen.append(bench.open_now)
    seen: list[int] = []
    bench.one()
    assert seen == [0]


def test_rows_window_and_run_record_are_one_transaction(bench: Bench) -> None:
    bench.one()
    bench.shop.clock += MINUTE
    bench.shop.rows["things"].append(row("3", 1))
    bench.statements.clear()
    bench.one()
    words = [statement.lower().strip() for statement in bench.statements]
    begins = [n for n, text in enumerate(words) if text.startswith("begin")]
    commits = [n for n, text in enumerate(words) if text.startswith("commit")]
    assert len(begins) == len(commits) == 1
    for target in ("things", "extract_windows", "extract_runs"):
        places = [n for n, text in enumerate(words) if text.startswith("insert into") and f'"{target}"' in text[:120]]
        assert places, target
        assert all(begins[0] < n < commits[0] for n in places)
    for n, text in enumerate(words):
        if begins[0] < n < commits[0]:
            assert not text.startswith(("alter", "create table", "create schema"))


def test_new_columns_appear_and_are_noted(bench: Bench) -> None:
    bench.one()
    bench.shop.infos["things"] = info(schema=pa.schema(TYPES | {"score": pa.decimal128(9, 2)}))
    bench.shop.rows["things"] = [row("2", 0.5) | {"score": Decimal("1.50")}]
    result = bench.one()
    assert result.columns_added == ("score",)
    assert bench.query("select id, cast(score as varchar) as score from raw_shop.things order by id") == [
        {"id": "1", "score": None},
        {"id": "2", "score": "1.50"},
    ]
    changes = bench.query("select column_name, change, new_type, run_id from ops.schema_changes order by noticed_at")
    assert [c["change"] for c in changes] == ["table_created", "column_added"]
    assert changes[1] == {
        "column_name": "score", "change": "column_added", "new_type": "decimal128(9, 2)", "run_id": result.run_id
    }  # fmt: skip
    assert bench.one().columns_added == ()


def test_files_read_are_remembered_and_handed_back(bench: Bench) -> None:
    def read(context: ReadContext) -> None:
        context.spool.file_done("a.csv", size_bytes=7, modified_at=NOON, content_hash="h", rows=3)

    bench.shop.instead["things"] = read
    bench.one()
    bench.one()
    seen = [dict(context.landed_files) for _, context in bench.shop.reads]
    assert seen[0] == {}
    assert seen[1] == {"a.csv": (7, NOON, "h")}
    bench.one(full=True)
    assert bench.shop.reads[-1][1].landed_files == {}


def test_subjects_are_all_keys_first_and_then_those_of_new_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = bench.shop
    monkeypatch.setattr(
        shop, "subjects_from", lambda name: (TableName("raw_shop", "things"), "id") if name == "others" else None
    )
    bench.extract("others")
    assert shop.reads[-1][1].subjects == []
    bench.extract("things", "others")
    assert shop.reads[-1][1].subjects == ["1", "2"]
    shop.rows["things"].append(row("3"))
    bench.extract("things", "others")
    assert shop.reads[-1][1].subjects == ["3"]
    bench.extract("others", full=True)
    assert shop.reads[-1][1].subjects == ["1", "2", "3"]


def test_an_object_that_lists_itself_first_gets_subjects_only_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = bench.shop
    monkeypatch.setattr(
        shop, "subjects_from", lambda name: (TableName("raw_shop", "things"), "id") if name == "others" else None
    )
    monkeypatch.setattr(Shop, "listed_first", frozenset({"others"}))
    bench.extract("things", "others")
    assert shop.reads[-1][1].subjects is None
    shop.rows["things"].append(row("3"))
    bench.extract("things", "others")
    assert shop.reads[-1][1].subjects == ["3"]
    bench.extract("others", full=True)
    assert shop.reads[-1][1].subjects is None


def test_all_history_is_read_once_more_when_the_settings_ask_for_more(bench: Bench) -> None:
    def starts(*asked: str) -> datetime | None:
        bench.shop.infos["things"] = info(asked=frozenset(asked))
        result = bench.one()
        assert result.changes == ()
        assert result.window is not None
        return result.window.start

    assert starts() is None
    assert starts() is not None
    assert starts("a") is None
    assert starts("a") is not None
    assert starts("b", "a") is None
    assert starts("a") is not None
    assert starts("a", "b") is None, "what was not asked for meanwhile was not read"

    # A run that fails has read nothing.
    def fail(context: ReadContext) -> None:
        raise Unreachable("away")

    bench.shop.instead["things"] = fail
    bench.shop.infos["things"] = info(asked=frozenset({"a", "b", "c"}))
    assert bench.one().error
    del bench.shop.instead["things"]
    assert starts("a", "b", "c") is None


# The spool.


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f"{int(ended.stdout)}-left"
    living = tmp_path / f"{os.getppid()}-busy"
    foreign = tmp_path / "my-notes"
    for folder in (dead, living, foreign):
        folder.mkdir()
        (folder / "page.csv").write_text("x")
    remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, foreign.name])


def test_small_batches_become_few_row_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    with DiskSpool(info(), tmp_path) as spool:
        for number in range(500):
            spool.rows(pa.Table.from_pylist([row(f"{number}-{n}") for n in range(100)], schema=pa.schema(TYPES)))
        (part,) = spool.parts()
        meta = pq.read_metadata(part.paths[0])
        assert (meta.num_rows, meta.num_row_groups) == (50_000, 3)
    assert not list(tmp_path.iterdir())


def test_a_page_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaks(write: Callable[[bytes], object]) -> None:
        write(b'"id"\n"half')
        raise ConnectionError

    with DiskSpool(info(), tmp_path) as spool:
        with pytest.raises(ConnectionError):
            spool.csv_page(breaks)
        spool.csv_page(lambda write: write(b'"id"\n"1"\n') and None)
        (part,) = spool.parts()
        assert [path.read_bytes() for path in part.paths] == [b'"id"\n"1"\n']


# Status.


def test_status_tells_how_far_each_object_is(bench: Bench) -> None:
    bench.extract("things")
    bench.shop.rows["things"] = [row("1", 0.5, is_deleted=True)]
    bench.extract("things")

    def read(context: ReadContext) -> None:
        raise Unreachable("The shop is shut.")

    bench.shop.instead |= {"things": read, "others": read}
    bench.extract("things", "others")
    with bench.open() as warehouse:
        others, things = object_status(warehouse)
    assert (things.source, things.object, things.table) == ("shop", "things", "raw_shop.things")
    assert (things.watermark, things.rows, things.last_status) == (NOON + MINUTE, 1, "failed")
    assert things.last_error == "The shop is shut."
    assert things.last_success_at is not None
    assert things.last_run_at is not None
    assert things.last_run_at >= things.last_success_at
    assert things.lag_seconds(things.last_success_at + MINUTE) == 60
    assert (others.watermark, others.rows, others.last_success_at) == (None, None, None)
    assert others.lag_seconds(NOON) is None


def test_status_of_a_warehouse_where_nothing_ran_is_empty(bench: Bench) -> None:
    with bench.open() as warehouse:
        assert object_status(warehouse) == []


# The registry.


def test_every_source_is_found_by_its_name_and_imported_only_then() -> None:
    for name in registry.NAMES:
        assert registry.source_class(name).name == name
    with pytest.raises(ConfigurationError, match="no source called 'sap'; there are salesforce"):
        registry.source_class("sap")
    code = "import sys, extract.registry; print([m for m in sys.modules if m.startswith('extract.sources')])"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert asked.stdout.strip() == "[]"
