"""Cases of what is read: pages, ties, values, windows, lateness, and the count that proves it."""

from __future__ import annotations

import pytest

from extract import windows
from extract.source import ObjectInfo, ReadContext, Window
from tests.conformance.base import DAY, HOUR, SECOND, Base, needs, read_keys, spread
from tests.conformance.bench import Bench
from tests.conformance.system import Record

AWKWARD = [
    "O'Neil; drop table x; --", 'say "yes"', "two\nlines", "a,b\tc", "Zoë 東京 🎈", "{{ 1 }} %s \\", "null", None,
]  # fmt: skip


class Reading(Base):
    """What is read is what is there."""

    # Pages and ties.

    def test_an_empty_system_is_an_empty_table(self, bench: Bench) -> None:
        result = bench.extract()
        assert (result.rows_read, bench.stored()) == (0, [])

    def test_more_rows_than_pages_hold(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 3 * system.page + 1))
        first = bench.extract()
        assert first.rows_inserted == 3 * system.page + 1
        bench.assert_true()
        system.advance(DAY)
        system.put(spread(system, 3 * system.page + 1, text="changed"))
        assert bench.extract().rows_updated == 3 * system.page + 1
        bench.assert_true()

    @pytest.mark.parametrize("pages", [1, 2])
    def test_full_pages_to_the_row(self, bench: Bench, pages: int) -> None:
        bench.system.put(spread(bench.system, pages * bench.system.page))
        assert bench.extract().rows_inserted == pages * bench.system.page
        bench.assert_true()

    def test_more_rows_of_one_time_than_pages_hold(self, bench: Bench) -> None:
        system = bench.system
        moment = system.clock - HOUR
        around = [Record(number, moment + (number % 3 - 1) * SECOND) for number in range(6)]
        tied = [Record(number, moment) for number in range(6, 2 * system.page + 12)]
        system.put([*around, *tied])
        bench.extract()
        bench.assert_true()
        system.advance(DAY)
        # The same once more, where only what changed is asked for.
        moment = system.clock - HOUR
        system.put([Record(record.number, moment, "tied again") for record in (*around, *tied)])
        system.put([Record(0, moment - SECOND, "before"), Record(1, moment + SECOND, "after")])
        assert bench.extract().rows_updated == len(around) + len(tied)
        bench.assert_true()

    def test_values_come_as_they_are(self, bench: Bench) -> None:
        bench.system.put(
            [Record(number, bench.system.clock - HOUR, text, None) for number, text in enumerate(AWKWARD)]
            + [Record(100, bench.system.clock - HOUR, "large", 2_000_000_000), Record(101, bench.system.clock - HOUR)]
        )
        bench.extract()
        bench.assert_true()

    # Time.

    def test_windows_are_half_open(self, bench: Bench) -> None:
        """What lies on the border of two windows is in the later one, and in no other."""
        system = bench.system
        border = system.clock - HOUR
        system.put([Record(number, border + (number - 3) * SECOND) for number in range(7)])
        before, after = Window(border - HOUR, border), Window(border, border + HOUR / 2)
        with bench.source() as source:
            source.connect()
            info = source.describe(system.object_name)
            if info.cursor is None:
                pytest.skip("not applicable: the object has no cursor, all of it is read each time")
            assert len(read_keys(source, info, before, bench.folder)) == 3
            assert len(read_keys(source, info, after, bench.folder)) == 4
            counts = (source.count(info, before), source.count(info, after))
            assert counts == ((None, None) if "count" in system.cannot else (3, 4))

    def test_a_row_on_the_clock_comes_with_the_next_run(self, bench: Bench) -> None:
        system = bench.system
        system.put([Record(1, system.clock - HOUR), Record(2, system.clock)])
        bench.extract()
        system.advance(HOUR)
        bench.extract()
        bench.assert_true()

    def test_edits_land_and_others_stay(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 5))
        first = bench.extract()
        system.advance(DAY)
        system.put([Record(2, system.clock - HOUR, "edited", 7), Record(9, system.clock - HOUR, None, None)])
        second = bench.extract()
        assert (second.rows_inserted, second.rows_updated) == (1, 1)
        bench.assert_true()
        assert sorted(row["_run_id"] == second.run_id for row in bench.stored()) == [False] * 4 + [True] * 2
        assert first.run_id != second.run_id

    def test_nothing_new_lands_nothing(self, bench: Bench) -> None:
        bench.system.put(spread(bench.system, bench.system.page + 1))
        bench.extract()
        before = bench.stored()
        bench.system.advance(HOUR)
        second = bench.extract()
        assert (second.rows_landed, second.columns_added, second.changes) == (0, (), ())
        assert sorted(bench.stored(), key=repr) == sorted(before, key=repr)
        bench.system.advance(HOUR)
        mark = bench.watermark()
        bench.extract()
        assert mark is not None
        assert bench.watermark() != mark, "the watermark does not move on"

    @needs("late_commits")
    def test_late_commits_are_found(self, bench: Bench) -> None:
        """In the next run when they are as late as the system says; a sweep finds those that are later."""
        system = bench.system
        system.put(spread(system, 3))
        bench.extract()
        read_to = system.clock
        system.advance(HOUR)
        system.put([Record(10, read_to - system.late, "late")])
        assert bench.extract().rows_inserted == 1
        bench.assert_true()
        system.put([Record(11, read_to - 5 * DAY, "very late")])
        system.advance(DAY)
        bench.extract()
        bench.reconcile()
        bench.assert_true()

    # Proof.

    def test_the_count_is_of_what_is_read(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 2 * system.page + 1))
        end = system.clock
        asked = [
            Window(None, end),
            Window(end - DAY, end),
            Window(end - DAY, end - HOUR / 2),
            Window(end - SECOND, end),
        ]
        counts = []
        with bench.source() as source:
            source.connect()
            info = source.describe(system.object_name)
            for window in asked:
                counted = source.count(info, window)
                if "count" in system.cannot:
                    assert counted is None, "it does count: take `count` out of `cannot`"
                    continue
                assert counted == len(read_keys(source, info, window, bench.folder)), window
                counts.append(counted)
            if counts:
                assert len(set(counts)) > 2, "windows that are all alike prove nothing"
                assert system.object_name in source.counted

    @needs("count")
    def test_the_count_does_not_come_from_the_reading(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows that are lost on the way are missed: the window stays open, the watermark before them."""
        system = bench.system
        system.put(spread(system, 3))
        bench.extract()
        system.advance(DAY)
        changed_at = system.clock - HOUR
        system.put([Record(number, changed_at, "changed") for number in range(3)])
        with bench.source() as source:

            def read(info: ObjectInfo, context: ReadContext) -> None:
                context.progress(0)

            monkeypatch.setattr(source, "read", read)
            # One halving tells as much as six.
            monkeypatch.setattr(windows, "DEEPEST", 1)
            result = bench.attempt(source)
        assert (result.error, result.proof, result.source_count) == (None, "open", 3)
        # Parts of the window that the source says are empty are proven, up to where the rows should be.
        assert (bench.watermark() or changed_at) <= changed_at
        bench.extract()
        bench.assert_true()
