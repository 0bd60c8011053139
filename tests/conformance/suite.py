"""What every connector must be able to do, as cases of pytest: inherit ``Conformance`` and give it a ``system``.

Each case extracts into a real DuckDB file and holds raw against the system's own rows. A case of something that the
system says it cannot have is skipped with its reason; what it does not say so of is put to the test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from extract.drift import variant
from extract.pipeline import run
from extract.source import AccessDenied, ObjectInfo, ReadContext, Source, Window
from extract.spool import DiskSpool
from tests.conformance.bench import MOMENTS, Bench
from tests.conformance.system import CAPABILITIES, Record, System
from warehouse.duckdb import DuckDBWarehouse

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
AWKWARD = ["O'Neil; drop table x; --", 'say "yes"', "two\nlines", "a,b\tc", "Zoë 東京 🎈", "{{ 1 }} %s \\", "null", None]
HOSTILE = ('na"me', "a'b", "x; drop table y; --", "{{ 1 }}", "select", "Ünïcode", "_run_id", "a b", "a-b")


def needs(*capabilities: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A case of something that not every system has."""
    assert set(capabilities) <= CAPABILITIES.keys()

    def marked(case: Callable[..., None]) -> Callable[..., None]:
        case.needs = capabilities  # type: ignore[attr-defined]
        return case

    return marked


class Conformance:
    """Inherit, and override ``system``."""

    @pytest.fixture
    def system(self) -> System:
        raise NotImplementedError("override this fixture: it gives an empty System of the connector's own")

    @pytest.fixture
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        system: System = request.getfixturevalue("system")
        if unknown := system.cannot.keys() - CAPABILITIES.keys():
            raise ValueError(f"There is no capability {', '.join(unknown)}; there are {', '.join(CAPABILITIES)}.")
        for capability in getattr(request.function, "needs", ()):
            if capability in system.cannot:
                pytest.skip(f"not applicable: {system.cannot[capability]}")
        system.prepare(monkeypatch.setattr, system.environment())
        return Bench(system, tmp_path / "bench")

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
            info = source.describe(system.object)
            if info.cursor is None:
                pytest.skip("not applicable: the object has no cursor, all of it is read each time")
            assert len(read_keys(source, info, before, bench.folder)) == 3
            assert len(read_keys(source, info, after, bench.folder)) == 4

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
        assert (bench.watermark() or datetime.min) > (mark or datetime.max), "the watermark does not move on"

    @needs("late_commits")
    def test_late_commits_are_found(self, bench: Bench) -> None:
        """In the next run when they are as late as the connector expects; a sweep finds those that are later."""
        system = bench.system
        system.put(spread(system, 3))
        bench.extract()
        info, read_to = bench.info(), system.clock
        reach = info.overlap + info.lag
        assert reach, "without overlap and lag a late row is lost: say late_commits in `cannot`, or how late rows come"
        system.advance(HOUR)
        system.put([Record(10, (read_to - reach * 0.9).replace(microsecond=0), "late")])
        assert bench.extract().rows_inserted == 1
        bench.assert_true()
        system.put([Record(11, read_to - reach - 2 * HOUR, "very late")])
        system.advance(DAY)
        bench.extract()
        bench.reconcile()
        bench.assert_true()

    # Deletes.

    @needs("soft_deletes")
    def test_soft_deletes_are_marked_and_undone(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 5))
        bench.extract()
        system.advance(DAY)
        system.flag(3, system.clock - HOUR)
        assert sum(row["_is_deleted"] for row in system.truth()) == 1, "the system did not flag it"
        bench.extract()
        bench.assert_true()
        ((how, at),) = [(row["_deleted_how"], row["_deleted_at"]) for row in bench.stored() if row["_is_deleted"]]
        assert (how, at is not None) == ("flagged", True)
        system.advance(DAY)
        system.put([Record(3, system.clock - HOUR, "back")])
        bench.extract()
        bench.assert_true()
        assert [row["_deleted_how"] for row in bench.stored()] == [None] * 5

    @needs("hard_deletes")
    def test_hard_deletes_are_swept_and_undone(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 2 * system.page + 3))
        bench.extract()
        system.advance(DAY)
        for number in (0, system.page, 2 * system.page + 2):
            system.remove(number)
        assert len(system.truth()) == 2 * system.page, "the system did not remove them"
        bench.extract()
        swept = bench.reconcile()
        assert (swept.rows_marked, swept.proof) == (3, None if "count" in system.cannot else "proven")
        bench.assert_true()
        gone = [row for row in bench.stored() if row["_is_deleted"]]
        assert [(row["_deleted_how"], row["_deleted_at"] is not None) for row in gone] == [("swept", True)] * 3
        assert all(row[system.text] == "plain" for row in gone), "a deleted row keeps its values"
        again = bench.reconcile()
        assert (again.rows_marked, again.rows_landed) == (0, 0)
        system.advance(DAY)
        system.put([Record(0, system.clock - HOUR, "back")])
        bench.extract()
        bench.assert_true()

    @needs("hard_deletes")
    def test_a_system_without_a_row_is_not_believed(self, bench: Bench) -> None:
        """Rather a permission was lost: nothing is marked deleted."""
        system = bench.system
        system.put([Record(1, system.clock - HOUR)])
        bench.extract()
        system.remove(1)
        with bench.source() as source:
            (result,) = run(source, [system.object], bench.open, full=True, spool_root=bench.folder / "spool")
        assert "nothing was marked deleted" in str(result.error)
        assert [row["_is_deleted"] for row in bench.stored()] == [False]

    # Drift.

    @needs("new_fields")
    def test_a_new_field_is_filled_in_old_rows(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, system.page + 2))
        bench.extract()
        system.advance(DAY)
        field = system.add_field("gold")
        info = bench.info()
        (column,) = [column for column, name in info.fields.items() if name == field]
        assert column not in bench.stored()[0], "the field was there before"
        result = bench.extract()
        assert (column, "column_added") in [(change.column, change.change) for change in result.changes]
        assert {row[column] for row in bench.stored()} == {"gold"}
        bench.assert_true()
        noted = bench.query("select change, backfilled_at from ops.schema_changes where column_name = ?", [column])
        assert [(row["change"], row["backfilled_at"] is not None) for row in noted] == [("column_added", True)]

    @needs("removed_fields")
    def test_a_removed_field_keeps_what_it_had(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 3))
        bench.extract()
        system.advance(DAY)
        system.drop_text()
        assert system.text not in bench.info().schema.names, "the field is still there"
        system.put([Record(7, system.clock - HOUR)])
        result = bench.extract()
        assert (system.text, "column_removed") in [(change.column, change.change) for change in result.changes]
        bench.assert_true()
        assert sorted(str(row[system.text]) for row in bench.stored()) == ["None", "plain", "plain", "plain"]

    @needs("retyped_fields")
    def test_a_field_of_another_type_gets_a_column_of_its_own(self, bench: Bench) -> None:
        system = bench.system
        system.put([Record(number, system.clock - HOUR, "plain", number * 10) for number in range(4)])
        bench.extract()
        system.advance(DAY)
        system.retype_amount()
        kind = bench.info().schema.field(system.amount).type
        assert pa.types.is_string(kind), "the field is no text"
        bench.extract()
        column = variant(system.amount, kind)
        stored = [(row[system.amount], row[column]) for row in bench.stored()]
        assert sorted(stored) == [(number * 10, str(number * 10)) for number in range(4)]
        changes = bench.query("select change from ops.schema_changes where column_name = ?", [system.amount])
        assert [row["change"] for row in changes] == ["type_changed"]
        assert bench.attempt().rows_landed == 0

    @needs("hostile_names")
    def test_field_names_are_data(self, bench: Bench) -> None:
        system = bench.system
        for place, name in enumerate(HOSTILE):
            system.add_named(name, f"value {place}")
        system.put(spread(system, system.page + 1))
        bench.extract()
        bench.assert_true()
        column_of = {field: column for column, field in bench.info().fields.items()}
        assert len({column_of[name] for name in HOSTILE}) == len(HOSTILE)
        for place, name in enumerate(HOSTILE):
            assert {row[column_of[name]] for row in bench.stored()} == {f"value {place}"}

    # Faults.

    @needs("faults")
    def test_a_fault_half_way_changes_nothing(self, bench: Bench) -> None:
        system = bench.system
        rows = 3 * system.page
        system.put(spread(system, rows))
        system.fail_after(1)
        assert bench.attempt().error
        assert (bench.stored(), bench.watermark()) == ([], None)
        system.heal()
        bench.extract()
        bench.assert_true()
        before, mark = bench.image(), bench.watermark()
        system.advance(DAY)
        system.put(spread(system, rows, text="changed"))
        system.fail_after(1)
        failed = bench.attempt()
        assert failed.error
        assert failed.error.endswith("."), "an error is a sentence"
        system.heal()
        assert (bench.image(), bench.watermark()) == (before, mark)
        (noted,) = bench.query("select error from ops.extract_runs order by started_at desc limit 1")
        assert noted["error"] == failed.error
        bench.extract()
        bench.assert_true()

    @needs("faults", "hard_deletes")
    def test_a_fault_in_a_sweep_marks_nothing(self, bench: Bench) -> None:
        """Half of the keys are no picture of what is there."""
        system = bench.system
        system.put(spread(system, 3 * system.page))
        bench.extract()
        system.remove(0)
        before = bench.image()
        system.fail_after(1)
        with pytest.raises(AssertionError):
            bench.reconcile()
        system.heal()
        assert bench.image() == before
        assert bench.reconcile().rows_marked == 1

    @pytest.mark.parametrize("moment", MOMENTS)
    def test_a_kill_changes_nothing_in_the_end(self, bench: Bench, moment: str, tmp_path: Path) -> None:
        system = bench.system
        other = Bench(system, tmp_path / "undisturbed")
        system.put(spread(system, 2 * system.page + 1))
        bench.extract()
        other.extract()
        before, mark = bench.image(), bench.watermark()
        system.advance(DAY)
        system.put(spread(system, system.page + 1, text="changed"))
        system.put([Record(9_999, system.clock - HOUR, "new")])
        other.extract()
        bench.killed(moment)
        left, left_mark = bench.image(), bench.watermark()
        assert (left, left_mark) in [(before, mark), (other.image(), other.watermark())], "half of it is there"
        bench.extract()
        assert bench.image() == other.image()
        bench.assert_true()

    @needs("credentials")
    def test_wrong_credentials_are_refused_before_any_work(self, bench: Bench) -> None:
        wrong = bench.system.wrong_environment()
        right = bench.system.environment()
        source = bench.system.kind.from_environment(wrong)
        with pytest.raises(AccessDenied) as refused:
            run(source, [bench.system.object], bench.open, spool_root=bench.folder / "spool")
        source.close()
        assert not list(bench.folder.iterdir()), "the warehouse was opened"
        for name, value in wrong.items():
            assert value == right.get(name) or value not in str(refused.value), f"the message tells {name}"

    # Proof.

    def test_the_count_is_of_what_is_read(self, bench: Bench) -> None:
        system = bench.system
        system.put(spread(system, 2 * system.page + 1))
        end = system.clock
        windows = [Window(None, end), Window(end - DAY, end), Window(end - DAY, end - HOUR / 2), Window(end - SECOND, end)]
        counts = []
        with bench.source() as source:
            source.connect()
            info = source.describe(system.object)
            for window in windows:
                counted = source.count(info, window)
                if "count" in system.cannot:
                    assert counted is None, "it does count: take `count` out of `cannot`"
                    continue
                assert counted == len(read_keys(source, info, window, bench.folder)), window
                counts.append(counted)
            if counts:
                assert len(set(counts)) > 2, "windows that are all alike prove nothing"
                assert system.object in source.counted

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
            result = bench.attempt(source)
        assert (result.error, result.proof, result.source_count) == (None, "open", 3)
        # Parts of the window that the source says are empty are proven, up to where the rows should be.
        assert (bench.watermark() or changed_at) <= changed_at
        bench.extract()
        bench.assert_true()


def spread(system: System, rows: int, text: str = "plain") -> list[Record]:
    """So many records that changed within the last hour, two and two in the same second."""
    start = system.clock - HOUR
    return [Record(number, start + (1 + number // 2 * 6000 // rows) * SECOND, text, number) for number in range(rows)]


def read_keys(source: Source, info: ObjectInfo, window: Window, folder: Path) -> set[tuple[Any, ...]]:
    """Keys that the source reads in a window; some sources send a little more than was asked for."""
    found: set[tuple[Any, ...]] = set()
    file = folder / "keys.duckdb"
    with DiskSpool(info, folder / "spool") as spool, DuckDBWarehouse.open(file, settings={"threads": 2}) as warehouse:
        source.read(info, ReadContext(window, spool, lambda rows: None))
        assert info.cursor is not None
        names = ", ".join(warehouse.quoted(column) for column in (info.cursor, *info.key))
        for part in spool.parts():
            with warehouse.stage(part, constants={}) as batch:
                rows = warehouse.query(f"select {names} from {batch.sql} as b")
                for moment, *key in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                    if (window.start is None or moment >= window.start) and moment < window.end:
                        found.add(tuple(key))
    return found
