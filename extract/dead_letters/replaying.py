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
from extract.dead_letters.letters import WAITING, pages
from extract.dead_letters.trying import Door, Refused, Trial, Tried, sample, tried
from extract.pipeline import OpenWarehouse, utc_now, version
from extract.source import ObjectInfo
from extract.sources.calls import parser
from extract.sources.events.records import typed
from extract.sources.events.source import Events
from extract.spool import IS_DELETED, DiskSpool
from log.base import Columns
from warehouse.base import Staged, Warehouse

_TYPED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Plan:
    """What is to be replayed, how, and by whom it is judged; ``fix`` None judges the letters as they are."""

    selections: Sequence[Selection]
    door: Door
    fix: Fix | None = None
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(frozen=True)
class Replayed:
    """What a replay did: events that landed, that were there already, and letters that are dead still."""

    trial: Trial
    run_id: str | None = None
    landed: int = 0
    present: int = 0
    failed: int = 0


def try_out(
    plan: Plan, open_warehouse: OpenWarehouse, *, samples: int = 0, values: bool = False,
    each: Callable[[Tried], None] = lambda one: None,
) -> Trial:  # fmt: skip
    """Mend and judge all letters that wait, and write nothing of it."""
    trial = Trial()
    for page in pages(open_warehouse, plan.selections, WAITING):
        for letter in page:
            one = tried(letter, plan.fix, plan.door)
            trial.add(one)
            each(one)
            if plan.fix is not None and one.changed and len(trial.samples) < samples:
                trial.samples.append(sample(one, plan.fix, values=values))
    return trial


def refuse_half(plan: Plan, trial: Trial) -> None:
    """Raises Tripped when too many of the letters would be dead again."""
    if not plan.breaker.trips(trial.failed, trial.letters):
        return
    worst, count = trial.failing.most_common(1)[0]
    where = f" at {worst.path}" if worst.path else ""
    mended = f"mend the fix {plan.fix.name}" if plan.fix else "write a fix for them or mend the plan"
    raise Tripped(
        f"{trial.failed:,} of {trial.letters:,} dead letters would fail again, {count:,} by {worst.rule}{where}: "
        f"nothing was replayed; {mended}, choose fewer letters, or allow it with --max-failing."
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
        with closing(parser()) as opened:
            waiting: list[Tried] = []

            def write() -> None:
                _spool(opened, info, waiting, events, verdicts)
                waiting.clear()

            def keep(one: Tried) -> None:
                waiting.append(one)
                if len(waiting) >= _TYPED_AT_ONCE:
                    write()

            trial = try_out(plan, open_warehouse, each=keep)
            write()
        refuse_half(plan, trial)
        if not trial.letters:
            return Replayed(trial)
        run = settling.Run(uuid.uuid4().hex, plan.door.plan_version, plan.fix, started_at, now())
        with open_warehouse() as warehouse:
            return _land(warehouse, info, events, verdicts, run, trial)


def _spool(opened: Any, info: ObjectInfo, batch: Sequence[Tried], events: DiskSpool, verdicts: DiskSpool) -> None:
    """Records as the rows they become, read as landing reads them; and what was said of each letter."""
    if not batch:
        return
    refused = {at: one.refused for at, one in enumerate(batch) if one.refused is not None}
    ready = {at: one.record for at, one in enumerate(batch) if one.record is not None}
    if ready:
        payloads = pa.array(list(ready.values()), pa.large_binary())
        rows, rejected = typed(opened, "collected", "replay", Columns(pa.array(list(ready), pa.int64()), payloads, 0))
        for row in rejected:
            refused[int(row.position.rpartition(" ")[2])] = Refused(row.rule, "", row.reason)
        if rows.num_rows:
            events.rows(rows.select(info.schema.names))
    verdicts.rows(settling.table_of([(one.letter, refused.get(at)) for at, one in enumerate(batch)]))


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
            found = settling.counted(warehouse, run)
            settling.record(warehouse, info, run, trial.letters, landed, version())
    return Replayed(trial, run.run_id, landed, found.get("present", 0), found.get("failed", 0))
