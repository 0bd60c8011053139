"""Sessions over made-up events, with all rules on: made from nothing, then brought up to date with 1 % new events.

Seconds are those of the dbt process, less those of one that runs the same models with nothing to do (over no events for
the first build, over the same events for an increment). Sessions start from typed events (int_product__events, which
parses each event's JSON once in its life); what typing takes is a measure of its own, without a target. A build that
takes no longer than nothing at all says that the machine was busy, and is not ok. New events come in two shapes: those
of the last day with some that are days late, and some of any day and visitor.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.identity_speed import Bench

BEFORE = (
    ("seed", "--select", "identifier_blocked_values"),
    ("run", "--select", "stg_events__events", "stg_segment__profiles", "stg_segment__profile_external_ids",
     "stg_files__people", "int_identity__moved_records", "int_identity__decisions", "int_identity__segment_users",
     "int_identity__placeholder_users"),
)  # fmt: skip
EVENTS = "int_product__events"
SESSIONS = ("int_product__session_events", "int_product__sessions")
RULES = ("--vars", "{session_midnight: true, session_new_campaign: true}")
TARGET_SECONDS = 20.0
TARGET_EVENTS = 10_000_000
NEWS_SHARE = 0.05
DAYS = 30
# A visitor has twelve events on average, in bursts of five within half an hour.
MADE = """
    with drawn as (
        select
            range as number,
            hash(range * 7919) as draw,
            hash((range // 5) * 31) % greatest({size} // 12, 1) as visitor,
            cast(hash((range // 5) * 17) % 86400 as integer) as second,
            cast(hash((range // 5) * 23) % {days} as integer) as day
        from range({first}, {last})
    )
    select
        md5(cast(number as varchar)) as message_id,
        if(draw % 3 = 0, 'page', 'track') as type,
        if(draw % 3 = 0, null, 'Product Viewed') as event,
        if(draw % 4 = 0, 'user-' || visitor, null) as user_id,
        md5('device' || visitor) as anonymous_id,
        {start} - interval (day) day + interval (second + cast(draw % 1500 as integer)) second as timestamp,
        '{{"page":{{"url":"https://shop.example/p/' || draw % 5000 || '","path":"/p/' || draw % 5000
            || '","title":"Product ' || draw % 5000 || '","referrer":"https://shop.example/c/' || draw % 50
            || '","search":""}},"userAgent":'
            || '"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari",'
            || '"library":{{"name":"analytics.js","version":"2.1.0"}},"locale":"en-US","timezone":"Europe/Berlin"'
            || if(draw % 40 = 0,
                ',"campaign":{{"source":"google","medium":"cpc","name":"brand' || draw % 7 || '"}}', '')
            || '}}' as context,
        '{{"product_id":"' || draw % 5000 || '"}}' as properties,
        'web' as source,
        timestamp '2026-02-01' + interval ({landing}) hour as _extracted_at,
        false as _is_deleted
    from drawn
"""
COLUMNS = (
    "message_id, type, event, user_id, anonymous_id, timestamp, context, properties, source, _extracted_at, _is_deleted"
)
LAST_DAY = "timestamp '2026-01-31'"


def measure(sizes: tuple[int, ...], repeats: int = 2) -> Iterator[dict[str, Any]]:
    """Three results for each number of events."""
    for size in sizes:
        with TemporaryDirectory(prefix="braid-bench-") as scratch:
            yield from _measured(Sessions(Path(scratch)), size, repeats)


class Sessions(Bench):
    """A warehouse with events in it, and dbt over it."""

    def land(self, first: int, last: int, size: int, days: int, landing: int) -> None:
        """Events numbered from ``first``, of the last ``days`` days."""
        made = MADE.format(first=first, last=last, size=size, days=days, landing=landing, start=LAST_DAY)
        with duckdb.connect(str(self.database), config={"threads": 2}) as connection:
            connection.execute(f"insert into raw_events.events ({COLUMNS}) {made}")

    def timed(self, *models: str, full_refresh: bool = False) -> dict[str, Any]:
        """Seconds of a dbt run, its CPU seconds and those of each model."""
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self.dbt("run", "--select", *models, *RULES, *(["--full-refresh"] if full_refresh else []))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        return {
            "wall": time.perf_counter() - began,
            "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "steps": {item["unique_id"].rsplit(".", 1)[-1]: round(item["execution_time"], 2) for item in results},
        }


def _measured(bench: Sessions, size: int, repeats: int) -> Iterator[dict[str, Any]]:
    for command, *arguments in BEFORE:
        bench.dbt(command, *arguments)
    bench.timed(EVENTS, *SESSIONS)
    nothing = min((bench.timed(*SESSIONS, full_refresh=True) for _ in range(repeats)), key=_wall)
    no_events = min((bench.timed(EVENTS, full_refresh=True) for _ in range(repeats)), key=_wall)
    bench.land(0, size, size, DAYS, 0)
    typed = bench.timed(EVENTS, full_refresh=True)
    yield {
        "name": "events typed", "events": size, "seconds": round(typed["wall"] - no_events["wall"], 2),
        "cpu_seconds": round(typed["cpu"] - no_events["cpu"], 2), "target": None, "ok": True,
    }  # fmt: skip
    full = min((bench.timed(*SESSIONS, full_refresh=True) for _ in range(repeats)), key=_wall)
    seconds = full["wall"] - nothing["wall"]
    target = TARGET_SECONDS * size / TARGET_EVENTS
    yield {
        "name": "sessions, all rules", "events": size, "sessions": _counted(bench), "seconds": round(seconds, 2),
        "cpu_seconds": round(full["cpu"] - nothing["cpu"], 2), "steps": full["steps"], "target": round(target, 2),
        "ok": 0 < seconds <= target,
    }  # fmt: skip
    news, last = max(size // 100, 1), size
    for landing, (name, late) in enumerate((("the last day", 20), ("any day", 1)), start=1):
        idle = min((bench.timed(*SESSIONS) for _ in range(repeats)), key=_wall)
        # One in `late` is of any day, the others of the last; late ones come in with the day that is under way.
        spread = news // late
        bench.land(last, last + spread, size, DAYS, landing)
        bench.land(last + spread, last + news, size, 1, landing)
        last += news
        typing = bench.timed(EVENTS)
        found = bench.timed(*SESSIONS)
        net = found["wall"] - idle["wall"]
        yield {
            "name": f"sessions with 1 % new events of {name}", "events": size, "new_events": news,
            "seconds": round(net, 2), "cpu_seconds": round(found["cpu"] - idle["cpu"], 2), "of": round(seconds, 2),
            "share": round(net / seconds, 3), "steps": found["steps"], "typing": typing["steps"][EVENTS],
            "target": NEWS_SHARE, "ok": seconds > 0 and net <= NEWS_SHARE * seconds,
        }  # fmt: skip


def _wall(run: dict[str, Any]) -> float:
    return float(run["wall"])


def _counted(bench: Sessions) -> int:
    with duckdb.connect(str(bench.database), read_only=True) as connection:
        ((found,),) = connection.execute(
            "select count(*) from marts.int_product__sessions where not is_gone"
        ).fetchall()
    return int(found)
