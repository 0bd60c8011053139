"""Cases of what goes wrong: an answer that breaks off, a process that is killed, credentials that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.pipeline import run
from extract.source import AccessDenied
from tests.conformance.base import DAY, HOUR, Base, needs, spread
from tests.conformance.bench import MOMENTS, Bench
from tests.conformance.system import Record


class Failing(Base):
    """All or nothing, and a sentence that says why."""

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
            run(source, [bench.system.object_name], bench.open, spool_root=bench.folder / "spool")
        source.close()
        assert not list(bench.folder.iterdir()), "the warehouse was opened"
        for name, value in wrong.items():
            assert value == right.get(name) or value not in str(refused.value), f"the message tells {name}"
