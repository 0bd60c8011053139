"""How far a log has landed: a book that is written in the transaction of the rows, so that both are there or neither.

``ops.log_offsets`` has a row for each landing of a partition. They are numbered: a run that was overtaken by another
one, between its look at the book and its landing, finds the number taken and lands nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from extract import books
from extract.source import Place, Reached, SourceError
from warehouse.base import Warehouse


class Overtaken(SourceError):
    """Another run has landed the same stretch meanwhile."""


def write(
    warehouse: Warehouse,
    source: str,
    name: str,
    stretches: Sequence[Reached],
    places: Mapping[tuple[str, int], Place],
    run_id: str,
    now: datetime,
) -> None:
    """Move the places that were looked up before reading; once the turn is taken. Raises Overtaken."""
    if not stretches:
        return
    if books.places(warehouse, source, name) != places:
        raise Overtaken(
            f"Another run landed {source} {name} while this one was reading: nothing of this run was landed, and the "
            "next one goes on from there."
        )
    for stretch in stretches:
        before = places.get((stretch.topic, stretch.partition))
        books.insert(
            warehouse,
            books.LOG_OFFSETS,
            {
                "source": source,
                "object": name,
                "topic": stretch.topic,
                "log_partition": stretch.partition,
                "landing": before.number + 1 if before else 1,
                "start_offset": stretch.start,
                "next_offset": stretch.next_offset,
                "records": stretch.records,
                "last_offset": stretch.last_offset,
                "last_hash": stretch.last_hash,
                "lost_offsets": stretch.lost,
                "problem": stretch.problem,
                "run_id": run_id,
                "landed_at": now,
            },
        )
