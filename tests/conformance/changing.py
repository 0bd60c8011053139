"""Cases of what changes without a new row: deletes of all kinds, fields that come, go and change their type."""

from __future__ import annotations

import pyarrow as pa

from extract.drift import variant
from extract.pipeline import run
from tests.conformance.base import DAY, HOUR, Base, needs, spread
from tests.conformance.bench import Bench
from tests.conformance.system import Record

HOSTILE = ('na"me', "a'b", "x; drop table y; --", "{{ 1 }}", "select", "Ünïcode", "_run_id", "a b", "a-b")


class Changing(Base):
    """What is gone is marked, what is new is filled in, and names are data."""

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
            (result,) = run(source, [system.object_name], bench.open, full=True, spool_root=bench.folder / "spool")
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
        columns = {name: column for column, name in bench.info().fields.items()}
        assert field in columns, "the connector does not see the new field"
        column = columns[field]
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

    @needs("misfits")
    def test_a_value_that_does_not_fit_sets_its_row_aside(self, bench: Bench) -> None:
        """The others land, the window is proven with it, and put right it leaves the quarantine."""
        system = bench.system
        system.put(spread(system, 5))
        bench.extract()
        system.advance(DAY)
        system.put([Record(1, system.clock - HOUR, "edited")])
        system.spoil(3, system.clock - HOUR)
        result = bench.extract()
        assert (result.rows_quarantined, result.rows_updated) == (1, 1)
        waiting = "select record_key is not null as keyed, payload like '%many%' as told, reason like '%many%' as shown"
        (row,) = bench.query(f"{waiting} from ops.quarantine where status = 'open'")
        assert row == {"keyed": True, "told": True, "shown": False}
        assert {row[system.text] for row in bench.stored()} == {"plain", "edited"}
        system.advance(DAY)
        system.put([Record(3, system.clock - HOUR, "right")])
        bench.extract()
        bench.assert_true()
        assert not bench.query("select 1 from ops.quarantine where status = 'open'")

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
