"""Rows that do not fit: no reading of all keys takes them for gone, none is forgotten, and the counts still hold."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from extract import quarantine
from extract.quarantine import dismiss, listed
from extract.reconcile import Reconciled, reconcile
from extract.replay import replay
from extract.source import ObjectInfo, ReadContext, Rejected
from extract.status import object_status
from tests.extract.test_frame import MINUTE, NOON, TYPES, Bench, CountingShop, Row, info, row

SCORED = pa.schema(TYPES | {"score": pa.float64()})
MANY = "many"


class Picky(CountingShop):
    """A shop whose scores may be no numbers: it says so itself (*told*), or sends CSV that does not fit (*pages*)."""

    way = "told"
    # Whether a row that does not fit is told with its key.
    nameless = False

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """The window's rows, as ``way`` says."""
        self.reads.append((info.name, context))
        start = context.window.start or datetime(1, 1, 1)
        self.give(info, context, [r for r in self.rows[info.name] if start <= r["changed_at"] < context.window.end])

    def read_keys(self, info: ObjectInfo, keys: list[str], context: ReadContext) -> None:  # type: ignore[override]
        """Single rows, by id."""
        self.give(info, context, [r for r in self.rows[info.name] if r["id"] in keys])

    def give(self, info: ObjectInfo, context: ReadContext, found: list[Row]) -> None:
        """Spool ``found``."""
        names = info.schema.names
        if self.way == "pages":
            lines = [",".join(f'"{_text(r.get(name))}"' for name in names) for r in found]
            page = "\n".join([",".join(f'"{name}"' for name in names), *lines, ""])
            context.spool.csv_page(lambda write: write(page.encode()) and None)
            context.spool.expect(len(found))
            return
        bad = [r for r in found if "score" in names and isinstance(r.get("score"), str)]
        good = [{name: r.get(name) for name in names} for r in found if r not in bad]
        context.spool.rows(pa.Table.from_pylist(good, schema=info.schema))
        for r in bad:
            key = None if self.nameless else "|".join(str(r[name]) for name in info.key)
            payload = json.dumps(r, default=str)
            context.spool.reject(
                [Rejected(payload, "type:score", "no number", r["id"], key, r["changed_at"], r["is_deleted"])]
            )


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def scored(key: str, score: object, minutes: float = 0, **more: bool) -> Row:
    return row(key, minutes, **more) | {"score": score}


class Scores(Bench):
    """A picky shop with scores that move without a stamp."""

    def __init__(self, folder: Path, way: str) -> None:
        super().__init__(folder)
        self.shop: Picky = Picky()
        self.shop.way = way
        self.shop.infos["things"] = info(schema=SCORED, unstamped=frozenset({"score"}), counts_deleted=True)

    def holds(self, *rows: Row) -> None:
        """What the shop has from now on."""
        self.shop.rows["things"] = list(rows)

    def reconciled(self, *, sweep: bool) -> Reconciled:
        (found,) = reconcile(self.shop, ["things"], self.open, sweep=sweep, spool_root=self.folder / "spool")
        assert found.error is None
        return found

    def scores(self) -> list[tuple[object, ...]]:
        return self.stored("id, score, _is_deleted, _deleted_how")

    def state(self) -> tuple[datetime | None, datetime | None, str]:
        """The watermark, what is proven, and how the last run ended."""
        with self.open() as warehouse:
            (status,) = object_status(warehouse)
        return status.watermark, status.proven_to, status.proof

    def book(self) -> list[tuple[object, ...]]:
        rows = self.query("select record_key, status from ops.quarantine order by record_key, status")
        return [tuple(r.values()) for r in rows]


@pytest.fixture(params=["told", "pages"])
def scores(tmp_path: Path, request: pytest.FixtureRequest) -> Scores:
    return Scores(tmp_path, request.param)


def test_a_sweep_neither_marks_nor_changes_a_row_whose_formula_does_not_fit(scores: Scores) -> None:
    dead = [scored(key, 4.0, is_deleted=True) for key in "45"]
    scores.holds(scored("1", 1.0), scored("2", 2.0), scored("3", 3.0), *dead)
    assert scores.one().proof == "proven"
    # Of the living and of the dead one goes, and one has a score that is no number; no stamp moves.
    scores.holds(scored("1", MANY), scored("2", 2.5), scored("4", MANY, is_deleted=True))
    swept = scores.reconciled(sweep=True)
    assert (swept.rows_marked, swept.rows_refreshed) == (1, 1)
    assert (swept.proof, swept.source_count) == ("proven", 3)
    assert scores.scores() == [
        ("1", 1.0, False, None),
        ("2", 2.5, False, None),
        ("3", 3.0, True, "swept"),
        ("4", 4.0, True, "flagged"),
        ("5", 4.0, True, "purged"),
    ]


def test_a_lost_row_that_does_not_fit_is_found_by_the_sweep_and_waits_in_quarantine(scores: Scores) -> None:
    scores.holds(scored("1", 1.0), scored("2", 2.0))
    scores.one()
    scores.query("delete from raw_shop.things where id = '1' returning id")
    scores.holds(scored("1", MANY), scored("2", 2.0))
    found = scores.reconciled(sweep=True)
    assert (found.proof, found.source_count) == ("proven", 2)
    assert scores.scores() == [("2", 2.0, False, None)]
    assert scores.book() == [("1", "open")]


def test_a_new_column_is_filled_but_where_its_value_does_not_fit(scores: Scores) -> None:
    with_score = scores.shop.infos["things"]
    scores.shop.infos["things"] = info(counts_deleted=True)
    scores.holds(scored("1", MANY), scored("2", 2.5))
    scores.one()
    scores.shop.infos["things"] = with_score
    scores.shop.clock += 60 * MINUTE
    scores.one()
    scores.shop.clock += 60 * MINUTE
    result = scores.one()
    assert (result.error, result.rows_landed) == (None, 0)
    assert scores.scores() == [("1", None, False, None), ("2", 2.5, False, None)]
    filled = scores.query("select column_name from ops.schema_changes where backfilled_at is not null")
    assert {"column_name": "score"} in filled


@pytest.mark.parametrize("key", [("id",), ("id", "name")], ids=["one column", "two columns"])
def test_a_full_reading_spares_the_keys_it_keeps_out(scores: Scores, key: tuple[str, ...]) -> None:
    unstamped = frozenset({"score"})
    scores.shop.infos["things"] = info(schema=SCORED, key=key, unstamped=unstamped, counts_deleted=True)
    scores.holds(scored("1", 1.0), scored("2", 2.0), scored("3", 3.0))
    scores.one()
    scores.shop.clock += 60 * MINUTE
    scores.holds(scored("1", MANY, 30), scored("2", 2.0))
    result = scores.one(full=True)
    assert (result.error, result.proof, result.rows_deleted, result.rows_quarantined) == (None, "proven", 1, 1)
    after = [("1", 1.0, False, None), ("2", 2.0, False, None), ("3", 3.0, True, "absent")]
    assert scores.scores() == after
    text = "1" if len(key) == 1 else "1|a"
    assert scores.book() == [(text, "open")]
    # A sweep sees its key too, and once that has gone, the row has.
    assert scores.reconciled(sweep=True).proof == "proven"
    assert (scores.scores(), scores.book()) == (after, [(text, "open")])
    scores.holds(scored("2", 2.0))
    assert scores.reconciled(sweep=True).rows_marked == 1
    assert (scores.scores()[0][2:], scores.book()) == ((True, "swept"), [(text, "gone")])


@pytest.mark.parametrize("way", ["full", "sweep"])
def test_nothing_is_marked_while_nobody_knows_which_rows_do_not_fit(tmp_path: Path, way: str) -> None:
    scores = Scores(tmp_path, "told")
    scores.holds(scored("1", 1.0), scored("2", 2.0), scored("3", 3.0))
    scores.one()
    scores.shop.nameless = True
    scores.holds(scored("1", MANY), scored("2", 2.0))
    if way == "full":
        assert scores.one(full=True).error is None
    else:
        scores.reconciled(sweep=True)
    assert [flag for _, _, flag, _ in scores.scores()] == [False] * 3


def test_a_row_set_aside_by_hand_is_counted_for_good(scores: Scores) -> None:
    scores.holds(scored("1", 1.0), scored("2", MANY), scored("3", 3.0))
    scores.one()
    scores.shop.clock += 60 * MINUTE
    # Of 2 nothing is stored, of 3 the version before.
    scores.holds(scored("1", 1.0), scored("2", MANY), scored("3", MANY, 30))
    scores.one()
    with scores.open() as warehouse:
        for kept in listed(warehouse):
            dismiss(warehouse, kept.quarantine_id, "a test", NOON)
    for clock in (60, 600):
        scores.shop.clock = NOON + clock * MINUTE
        assert scores.one().proof == "proven"
        found = scores.reconciled(sweep=False)
        assert (found.proof, found.source_count, found.landed_count) == ("proven", 3, 3)
        assert (found.counts, found.reread_windows) == (1, 0)
    assert scores.reconciled(sweep=True).proof == "proven"
    assert scores.one(full=True).proof == "proven"
    assert scores.book() == [("2", "dismissed"), ("3", "dismissed")]
    # Put right all the same, it lands and is counted as what it is.
    scores.holds(scored("1", 1.0), scored("2", 2.0, 595), scored("3", MANY, 30))
    scores.shop.clock = NOON + 660 * MINUTE
    scores.one()
    found = scores.reconciled(sweep=False)
    assert (found.proof, found.counts, found.landed_count) == ("proven", 1, 3)
    assert scores.book() == [("2", "replayed"), ("3", "dismissed")]
    # What a full reading does not find is counted no more.
    scores.holds(scored("1", 1.0), scored("2", 2.0, 595))
    scores.one(full=True)
    found = scores.reconciled(sweep=False)
    assert (found.proof, found.counts, found.landed_count) == ("proven", 1, 2)
    assert scores.book() == [("2", "replayed"), ("3", "gone")]


def test_a_row_apart_is_there_for_every_count_and_sweep(scores: Scores) -> None:
    scores.holds(scored("1", 1.0), scored("2", -2.0))
    run_id = scores.one().run_id
    with scores.open() as warehouse:
        thing = scores.shop.infos["things"]
        broken = quarantine.Broken("between:score", "v1", "score is below 0", pa.table({"id": ["2"]}))
        quarantine.set_apart(
            warehouse, thing.table, thing.key, [broken], source="shop", name="things", runs=[run_id], now=NOON
        )
    apart = "select id from raw_shop.things where _quarantined_at is not null"
    for sweep in (False, True):
        found = scores.reconciled(sweep=sweep)
        assert (found.proof, found.counts, found.reread_windows, found.rows_marked) == ("proven", 1, 0, 0)
    scores.one(full=True)
    assert [flag for _, _, flag, _ in scores.scores()] == [False, False]
    assert scores.query(apart) == [{"id": "2"}]
    scores.holds(scored("1", 1.0))
    assert scores.reconciled(sweep=True).rows_marked == 1
    assert scores.book() == [("2", "gone")]


def test_replaying_a_row_moves_neither_the_watermark_nor_what_is_proven(scores: Scores) -> None:
    scores.holds(scored("1", 1.0), scored("2", MANY))
    scores.one()
    before = scores.state()
    assert before[1] == NOON + MINUTE
    scores.shop.clock += 60 * MINUTE
    with scores.open() as warehouse:
        rows = listed(warehouse)
    assert replay(scores.shop, rows, scores.open, spool_root=scores.folder / "spool") == 0
    assert scores.state() == before
    scores.holds(scored("1", 1.0), scored("2", 2.0))
    assert replay(scores.shop, rows, scores.open, spool_root=scores.folder / "spool") == 1
    assert scores.state() == before
    assert scores.reconciled(sweep=False).proof == "proven"
