"""What became of letters that were replayed: ``ops.dead_letter_outcomes``, one row a letter and version of a fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from contracts.fixing import Fix
from extract import books
from extract.dead_letters.letters import FAILED, KEY, PRESENT, REPLAYED, Letter
from extract.dead_letters.trying import Refused
from extract.source import ObjectInfo, SourceError
from warehouse.base import Staged, Warehouse

_TEXT: pa.DataType = pa.string()
_SAID = ("failed_rule", "failed_path", "failed_reason")
_TAKEN = "key_taken"
SCHEMA = pa.schema({**dict.fromkeys((*KEY, *_SAID), _TEXT)})
INFO = ObjectInfo(name="outcomes", table=books.OUTCOMES, key=KEY, schema=SCHEMA, fields={})


class FixChanged(SourceError):
    """A version of a fix is not what it was when letters were replayed with it."""

    permanent = True


@dataclass(frozen=True)
class Run:
    """One replay; times naive UTC."""

    run_id: str
    plan_version: str
    fix: Fix | None
    started_at: datetime
    now: datetime


def table_of(said: Sequence[tuple[Letter, Refused | None]]) -> pa.Table:
    """What the door said of each letter, its columns as ``SCHEMA`` has them."""
    rows = [(letter.source, letter.message_id, letter.rule, *(why or (None, None, None))) for letter, why in said]
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA.names)
    return pa.table([pa.array(list(column), _TEXT) for column in columns], schema=SCHEMA)


def refuse_changed(warehouse: Warehouse, run: Run) -> None:
    """Raises FixChanged when this version of the fix was replayed as another text: what it did must stay known."""
    if run.fix is None:
        return
    found = warehouse.query(
        f"select count(*) from {warehouse.relation(books.OUTCOMES)}"
        " where fix = ? and fix_version = ? and fix_digest <> ? and status <> ?",
        [run.fix.name, run.fix.version, run.fix.digest, FAILED],
    )
    if found.column(0)[0].as_py():
        raise FixChanged(
            f"{run.fix.file} is not what it was when letters were replayed with it: take the change back, or give it "
            f"version {run.fix.version + 1} and a file of its own."
        )


def settle(warehouse: Warehouse, info: ObjectInfo, said: Staged, run: Run) -> None:
    """Write the outcome of each letter; after the events, in their transaction.

    What decides is the event as it is in raw now: landed by this run, or there before. Where another source's event has
    the id, the letter's own has no room.
    """
    events, book = warehouse.relation(info.table), warehouse.relation(books.OUTCOMES)
    anyones = ", ".join(f"'{name}'" for name in info.owners.anyones) if info.owners else "''"
    # Of a letter that the door let in; of the others nothing else is asked.
    of_raw = (
        f"case when e._run_id = '{run.run_id}' and e.source = s.source then '{REPLAYED}'"
        f" when e.source in (s.source, {anyones}) then '{PRESENT}' else '{FAILED}' end"
    )
    verdicts = (
        "(select v.*, case when v.failed_rule is null and v.status = 'failed'"
        f" then '{_TAKEN}' else v.failed_rule end as rule_now,"
        " case when v.failed_rule is null and v.status = 'failed'"
        " then 'Another source has used the same message id.' else v.failed_reason end as reason_now"
        f" from (select s.*, case when s.failed_rule is not null then '{FAILED}' else {of_raw} end as status"
        f" from {said.sql} as s left join {events} as e"
        " on e.message_id = s.message_id and s.failed_rule is null) as v)"
    )
    same = " and ".join(f"o.{name} = v.{name}" for name in KEY)
    same += " and o.fix = ? and o.fix_version = ?" if run.fix else " and o.fix is null"
    which: list[object] = [run.fix.name, run.fix.version] if run.fix else []
    digest = run.fix.digest if run.fix else None
    warehouse.execute(
        f"update {book} as o set status = v.status, attempts = o.attempts + 1, failed_rule = v.rule_now,"
        " failed_path = v.failed_path, failed_reason = v.reason_now, fix_digest = ?, plan_version = ?,"
        f" last_tried_at = ?, run_id = ? from {verdicts} as v where {same} and o.status <> '{REPLAYED}'",
        [digest, run.plan_version, run.now, run.run_id, *which],
    )
    warehouse.execute(
        f"insert into {book} (source, message_id, rule, fix, fix_version, fix_digest, status, attempts, failed_rule,"
        " failed_path, failed_reason, plan_version, first_tried_at, last_tried_at, run_id)"
        " select v.source, v.message_id, v.rule, cast(? as varchar), cast(? as bigint), cast(? as varchar), v.status,"
        f" 1, v.rule_now, v.failed_path, v.reason_now, ?, ?, ?, ? from {verdicts} as v"
        f" where not exists (select 1 from {book} as o where {same})",
        [
            run.fix.name if run.fix else None, run.fix.version if run.fix else None, digest,
            run.plan_version, run.now, run.now, run.run_id, *which,
        ],
    )  # fmt: skip


def counted(warehouse: Warehouse, run: Run) -> dict[str, int]:
    """Letters of the run by what became of them."""
    found = warehouse.query(
        f"select status, count(*) from {warehouse.relation(books.OUTCOMES)} where run_id = ? group by status",
        [run.run_id],
    )
    return dict(zip(*(column.to_pylist() for column in found.columns), strict=True))


def record(warehouse: Warehouse, info: ObjectInfo, run: Run, letters: int, landed: int, version: str) -> None:
    """The run, so that ``_run_id`` of a replayed event leads to it. It is no extraction, and moves no watermark."""
    books.insert(
        warehouse,
        books.RUNS,
        {
            "run_id": run.run_id,
            "source": "dead_letters",
            "object": "replay",
            "table_schema": info.table.schema,
            "table_name": info.table.name,
            "started_at": run.started_at,
            "finished_at": run.now,
            "status": "succeeded",
            "rows_read": letters,
            "rows_landed": landed,
            "rows_inserted": landed,
            "rows_updated": 0,
            "rows_deleted": 0,
            "rows_quarantined": 0,
            "braid_version": version,
        },
    )
