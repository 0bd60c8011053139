"""What the warehouse is asked of dead letters: each with its status, as one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.fixing import Selection
from extract import books
from extract.sources.events.source import Events
from warehouse.base import Warehouse

# Not replayed yet: never tried, or tried and still refused.
OPEN, FAILED = "open", "failed"
WAITING = (OPEN, FAILED)
# Its event is in raw: landed by a replay, or there before, by a delivery that broke no rule. It counts only as long as
# that is so: a replayed event is in no log, and raw filled again from the log has it no longer.
REPLAYED, PRESENT = "replayed", "present"
STATUSES = (*WAITING, REPLAYED, PRESENT)
KEY = ("source", "message_id", "rule")
RAW = Events.described("collected").table
SETTLED = (REPLAYED, PRESENT)


@dataclass(frozen=True)
class Way:
    """How letters are tried: by a version of a fix or by none, and by a version of the plan."""

    fix: str | None
    fix_version: int | None
    plan_version: str


def asked_for(
    warehouse: Warehouse, selections: Sequence[Selection], statuses: Sequence[str], way: Way | None
) -> tuple[str, list[object]]:
    """SQL and parameters: letters with their status, by all that the warehouse can be asked.

    Rules and paths are looked for in the violations of each by ``Selection.takes``.
    """
    key, book = ", ".join(KEY), warehouse.relation(books.OUTCOMES)
    has_raw = warehouse.columns(RAW) is not None
    raw = f"left join {warehouse.relation(RAW)} as e on e.message_id = l.message_id" if has_raw else ""
    there = "e.message_id is not null" if has_raw else "false"
    params: list[object] = []
    by, was_tried = "", "false"
    if way is not None:
        params += [way.plan_version, *([way.fix, way.fix_version] if way.fix else [])]
        which = "fix = ? and fix_version = ?" if way.fix else "fix is null"
        by = (
            f"left join (select distinct {key} from {book} where plan_version = ? and {which}) as w"
            " on w.source = l.source and w.message_id = l.message_id and w.rule = l.rule"
        )
        was_tried = "w.rule is not null"
    sql = f"""
        select
            md5(concat(l.source, '|', l.message_id, '|', l.rule)) as page_key,
            left(md5(concat(l.source, '|', l.message_id, '|', l.rule)), 16) as letter_id,
            l.source, l.message_id, l.rule, l.type, coalesce(l.event_name, nullif(l.event, '')) as event,
            l.event_version, l.reason, l.plan_version, l.sent_at, l.first_seen_at, l.last_seen_at, l.attempts,
            case
                when o.status in ('{REPLAYED}', '{PRESENT}') and not ({there}) then '{OPEN}'
                else coalesce(o.status, '{OPEN}')
            end as status,
            coalesce(o.tries, 0) as tries, o.fix, o.fix_version, o.last_tried_at as tried_at,
            o.failed_rule, o.failed_path, o.failed_reason, l.violations, l.payload,
            {"e.source" if has_raw else "null"} as raw_source, {was_tried} as was_tried
        from {warehouse.relation(books.DEAD_LETTERS)} as l
        left join (
            select
                *,
                cast(sum(attempts) over (partition by {key}) as bigint) as tries,
                row_number() over (
                    partition by {key}
                    order by
                        case status when '{REPLAYED}' then 0 when '{PRESENT}' then 1 else 2 end,
                        last_tried_at desc, coalesce(fix, ''), coalesce(fix_version, 0) desc
                ) as place
            from {book}
        ) as o on o.source = l.source and o.message_id = l.message_id and o.rule = l.rule and o.place = 1
        {raw}
        {by}
    """
    conditions = [f"status in ({', '.join('?' * len(statuses))})"]
    params += statuses
    for one in selections:
        for column, values in (
            ("source", one.sources), ("plan_version", one.plan_versions), ("letter_id", one.ids),
            ("coalesce(event, type)", one.events),
        ):  # fmt: skip
            if values:
                conditions.append(f"{column} in ({', '.join('?' * len(values))})")
                params += values
        if one.seen_from is not None:
            conditions.append("last_seen_at >= ?")
            params.append(one.seen_from)
        if one.seen_before is not None:
            conditions.append("first_seen_at < ?")
            params.append(one.seen_before)
    return f"select * from ({sql}) as known where {' and '.join(conditions)}", params
