"""Dead letters replayed: mended, judged by the door they once failed at, landed with the books in one transaction.

An event keeps its message id, and lands unless that id is in ``raw_events.events`` already. So a replay that is killed
has done nothing, one that is repeated finds nothing to do, and two at once land what one of them would have landed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from contracts.fixing import Fix, Selection
from extract import books, landing, turns
from extract.breaker import Breaker, Tripped
from extract.dead_letters import settling
from extract.dead_letters.asking import WAITING, Way
from extract.dead_letters.letters import pages
from extract.dead_letters.trying import Door, Refused, Trial, Tried, sample, tried
from extract.pipeline import OpenWarehouse, utc_now, version
from extract.source import ObjectInfo
from extract.sources.calls import parser
from extract.sources.events.records import typed
from extract.sources.events.source import Events
from extract.spool import IS_DELETED, DiskSpool
from log.base import Columns
from warehouse.base import Staged, Warehouse


@dataclass(frozen=True)
class Plan:
    """What is to be replayed, how, and by whom it is judged; ``fix`` None judges the letters as they are."""

    selections: Sequence[Selection]
    door: Door
    fix: Fix | None = None
    breaker: Breaker = field(default_factory=Breaker)

    @property
    def way(self) -> Way:
        """The way in which letters are tried by it."""
        version = self.fix.version if self.fix else None
        return Way(self.fix.name if self.fix else None, version, self.door.plan_version)


@dataclass(frozen=True)
class Replayed:
    """What a replay did: events that landed, that were there already, and letters that are dead still."""

    trial: Trial
    run_id: str | None = None
    landed: int = 0
    present: int = 0
    failed: int = 0


# One page: what was said of each letter, and the rows of those that pass.
Page = tuple[Sequence[Tried], pa.Table | None]


def try_out(
    plan: Plan, open_warehouse: OpenWarehouse, *, samples: int = 0, values: bool = False,
    each: Callable[[Page], None] = lambda page: None,
) -> Trial:  # fmt: skip
    """Mend and judge all letters that wait, and write nothing of it: a replay would do what this says.

    Unless something lands meanwhile, and but for two letters of one message id and two sources, of which one lands.
    """
    trial, info = Trial(), Events.described("collected")
    anyones = info.owners.anyones if info.owners else ()
    with closing(parser()) as opened:
        for page in pages(open_warehouse, plan.selections, WAITING, payloads=True, way=plan.way):
            said, rows = _typed(opened, info, [tried(letter, plan.fix, plan.door, anyones) for letter in page])
            for one in said:
                trial.add(one)
                if plan.fix is not None and one.changed and len(trial.samples) < samples:
                    trial.samples.append(sample(one, plan.fix, values=values))
            each((said, rows))
    return trial


def trips(plan: Plan, trial: Trial) -> bool:
    """Whether a replay is refused: too many fail of those never tried in this way. Leftovers hold no others up."""
    return plan.breaker.trips(trial.new_failing.total(), trial.new)


def refuse_half(plan: Plan, trial: Trial) -> None:
    """Raises Tripped when too many of the letters would be dead again."""
    if not trips(plan, trial):
        return
    worst, count = trial.new_failing.most_common(1)[0]
    where = f" at {worst.path}" if worst.path else ""
    mended = f"mend the fix {plan.fix.name}" if plan.fix else "write a fix for them or mend the plan"
    raise Tripped(
        f"{trial.new_failing.total():,} of {trial.new:,} dead letters would fail again, {count:,} by {worst.rule}"
        f"{where}: nothing was replayed; {mended}, choose fewer letters, or allow it with --max-failing."
    )


def replay(
    plan: Plan,
    open_warehouse: OpenWarehouse,
    *,
    spool_root: Path = Path(".braid/spool"),
    clock: Callable[[], datetime] | None = None,
) -> Replayed:
    """Replay what waits. Raises Tripped and FixChanged before anything is written, WarehouseError."""
    now = clock or utc_now
    started_at, info = now(), Events.described("collected")
    with DiskSpool(info, spool_root) as events, DiskSpool(settling.INFO, spool_root) as verdicts:

        def keep(page: Page) -> None:
            said, rows = page
            if rows is not None and rows.num_rows:
                events.rows(rows)
            verdicts.rows(settling.table_of([(one.letter, one.refused) for one in said]))

        trial = try_out(plan, open_warehouse, each=keep)
        refuse_half(plan, trial)
        if not trial.letters:
            return Replayed(trial)
        run = settling.Run(uuid.uuid4().hex, plan.door.plan_version, plan.fix, started_at, now())
        with open_warehouse() as warehouse:
            return _land(warehouse, info, events, verdicts, run, trial)


def _typed(opened: Any, info: ObjectInfo, said: Sequence[Tried]) -> Page:
    """Records as the rows they become, read as landing reads them; one that is none there is refused."""
    ready = {at: one.record for at, one in enumerate(said) if one.record is not None}
    if not ready:
        return said, None
    payloads = pa.array(list(ready.values()), pa.large_binary())
    rows, rejected = typed(opened, "collected", "replay", Columns(pa.array(list(ready), pa.int64()), payloads, 0))
    why = {
        int(row.position.rpartition(" ")[2]): Refused(row.rule, "", row.reason.removeprefix(f"{row.position}: "))
        for row in rejected
    }
    told = [one._replace(record=None, refused=why[at]) if at in why else one for at, one in enumerate(said)]
    return told, rows.select(info.schema.names)


def _land(
    warehouse: Warehouse, info: ObjectInfo, events: DiskSpool, verdicts: DiskSpool, run: settling.Run, trial: Trial
) -> Replayed:
    books.ensure_books(warehouse)
    warehouse.ensure_table(info.table, pa.schema([*info.schema, *landing.META]))
    settling.refuse_changed(warehouse, run)
    turns.ready(warehouse, info.table)
    with ExitStack() as stages:
        constants = landing.constants_of(run.started_at, run.run_id)

        def staged(spool: DiskSpool, **more: Any) -> list[Staged]:
            return [stages.enter_context(warehouse.stage(part, **more)) for part in spool.parts()]

        rows = staged(events, constants=constants, derived={IS_DELETED: False})
        said = staged(verdicts, constants={})
        with warehouse.transaction():
            turns.take(warehouse, info.table, run.run_id, run.now)
            landed = sum(
                warehouse.append(info.table, batch, unless_key=info.key, first_by=info.newest_by).inserted
                for batch in rows
            )
            for batch in said:
                settling.settle(warehouse, info, batch, run)
            settled, failing = settling.counted(warehouse, run)
            settling.record(warehouse, info, run, trial.letters, landed, version())
    trial.became(failing)
    # Others were there: before it, or landed by another replay since it judged.
    return Replayed(trial, run.run_id, landed, trial.passing - settled, failing.total())
