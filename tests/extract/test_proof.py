"""What proof rests on: a watermark in whole seconds, and nothing called proven beyond a gap that nobody counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from extract.reconcile import Reconciled, reconcile
from extract.source import ObjectInfo, Window
from extract.status import ObjectStatus, object_status
from extract.windows import mark
from tests.extract.test_frame import MINUTE, NOON, Bench, CountingShop, info, row

SECOND = timedelta(seconds=1)
FIRST = NOON + MINUTE


class Counting(CountingShop):
    """A shop that counts by whole seconds, as the systems' queries do, or not at all."""

    silent = False

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """By the window's whole seconds."""
        if self.silent:
            return None
        start = window.start and window.start.replace(microsecond=0)
        return super().count(info, Window(start, window.end.replace(microsecond=0)))


class Hour(Bench):
    """A bench whose clock moves by the hour."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shop: Counting = Counting()

    def pass_(self, hours: int = 1, *, silent: bool = False, miscounts: int = 0) -> str:
        """An extraction so many hours later; its proof."""
        self.shop.clock += hours * 60 * MINUTE
        self.shop.silent, self.shop.miscounts = silent, miscounts
        result = self.one()
        assert result.error is None
        self.shop.silent, self.shop.miscounts = False, 0
        return result.proof

    def status(self) -> ObjectStatus:
        with self.open() as warehouse:
            (found,) = object_status(warehouse)
        return found

    def recount(self) -> Reconciled:
        (found,) = reconcile(self.shop, ["things"], self.open, sweep=False, spool_root=self.folder / "spool")
        return found


@pytest.fixture
def hour(tmp_path: Path) -> Hour:
    return Hour(tmp_path)


# Whole seconds.


@pytest.mark.parametrize(
    ("lag", "watermark", "expected"),
    [
        (0.0, None, NOON),
        (1.5, None, NOON - 2 * SECOND),
        (0.5, NOON - 60 * MINUTE, NOON - SECOND),
        (1.5, NOON, NOON),
    ],
    ids=["no lag", "and a half", "half", "never back"],
)
def test_a_watermark_is_in_whole_seconds(lag: float, watermark: datetime | None, expected: datetime) -> None:
    assert mark(Window(None, NOON), NOON, timedelta(seconds=lag), watermark) == expected


def test_a_lag_of_a_second_and_a_half_breaks_no_proof(hour: Hour) -> None:
    hour.one()
    assert hour.pass_() == "proven"
    # Stamped a second before the last look, and not there then: half as much again is the lag.
    hour.shop.rows["things"].append(row("late", 61 - 1 / 60))
    assert hour.pass_() == "proven"
    hour.pass_()
    kept = hour.watermark()
    assert kept == hour.shop.clock - 2 * SECOND
    # A row of the second at which the next window begins, counted by whoever counts by whole seconds.
    begins = kept - info().overlap
    hour.shop.rows["things"] += [row("edge", (begins - NOON) / MINUTE), row("new", (hour.shop.clock - NOON) / MINUTE)]
    assert hour.pass_() == "proven"
    assert {key for key, _, _ in hour.stored()} >= {"edge", "new"}
    assert hour.status().open_windows == 0


# Gaps.


def test_proof_ends_before_a_window_that_nobody_counted_until_a_recount_covers_it(hour: Hour) -> None:
    hour.one()
    assert hour.status().proven_to == FIRST
    hour.shop.rows["things"].append(row("3", 30))
    assert hour.pass_(silent=True) == "uncounted"
    assert hour.pass_() == "proven"
    found = hour.status()
    assert (found.watermark, found.proof) == (FIRST + 120 * MINUTE, "proven")
    # The window begins an overlap before the watermark it went on from.
    assert found.proven_to == FIRST - info().overlap
    assert hour.recount().proof == "proven"
    assert hour.status().proven_to == hour.status().watermark == FIRST + 120 * MINUTE
    assert hour.pass_() == "proven"
    assert hour.status().proven_to == FIRST + 180 * MINUTE
    # A gap younger than the recount counts again.
    hour.pass_(silent=True)
    hour.pass_()
    assert hour.status().proven_to == FIRST + 180 * MINUTE - info().overlap


def test_nothing_is_proven_while_the_first_reading_was_counted_by_nobody(hour: Hour) -> None:
    hour.pass_(0, silent=True)
    assert hour.pass_() == "proven"
    assert hour.status().proven_to is None
    hour.recount()
    assert hour.status().proven_to == FIRST + 60 * MINUTE


def test_a_recount_that_nobody_answers_or_that_does_not_add_up_closes_no_gap(hour: Hour) -> None:
    hour.one()
    hour.pass_(silent=True)
    hour.pass_()
    gap = FIRST - info().overlap
    hour.shop.silent = True
    assert hour.recount().proof is None
    assert hour.status().proven_to == gap
    hour.shop.silent, hour.shop.miscounts = False, 10_000
    assert hour.recount().proof == "open"
    found = hour.status()
    assert (found.proven_to, found.open_windows) == (gap, 1)


def test_an_open_window_is_not_passed_and_its_gap_closes_with_the_run_that_covers_it(hour: Hour) -> None:
    hour.one()
    hour.shop.rows["things"].append(row("3", 30))
    assert hour.pass_(miscounts=10_000) == "open"
    found = hour.status()
    assert (found.watermark, found.proven_to) == (FIRST, FIRST)
    assert found.open_windows > 0
    assert hour.pass_() == "proven"
    found = hour.status()
    assert (found.proven_to, found.open_windows) == (FIRST + 120 * MINUTE, 0)


def test_an_object_that_is_never_counted_claims_no_proof(hour: Hour) -> None:
    for _ in range(3):
        assert hour.pass_(silent=True) == "uncounted"
    found = hour.status()
    assert (found.watermark, found.proven_to, found.open_windows) == (FIRST + 180 * MINUTE, None, 0)
