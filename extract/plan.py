"""What a run would read and cost, before it spends: a describe and a count for each object, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extract import books, drift, windows
from extract.pipeline import OpenWarehouse, check_names
from extract.source import Source, SourceError, Spent, Window


@dataclass(frozen=True)
class Planned:
    """One object; ``rows`` and ``calls`` are None where only reading tells. ``fills`` are new columns of old rows."""

    object: str
    window: Window | None
    rows: int | None = None
    calls: int | None = None
    error: str | None = None
    fills: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All objects, the calls this plan itself cost, and what is left of the day's quota."""

    objects: tuple[Planned, ...]
    spent: Spent

    @property
    def calls(self) -> int:
        """Calls of the objects whose cost is known: what is planned, with the describe and the count of each."""
        return sum(item.calls for item in self.objects if item.calls is not None)


def plan(source: Source, objects: Sequence[str], open_warehouse: OpenWarehouse, *, full: bool = False) -> Plan:
    """Plan a run over ``objects`` (all when empty). Raises SourceError when the source cannot be reached at all."""
    check_names(source, objects)
    source.connect()
    found = []
    for name in source.objects:
        if objects and name not in objects:
            continue
        before = source.spent().calls
        try:
            described = source.describe(name)
            with open_warehouse() as warehouse:
                state = books.read_state(warehouse, source.name, name)
                info, differing = drift.fitted(described, warehouse.columns(described.table), state.columns)
                fills = () if full else drift.to_fill(info, differing, drift.waiting(warehouse, source.name, name))
            watermark = None if drift.asks_more(described, state.columns) else state.watermark
            window = windows.next_window(watermark, source.now(), info.overlap, full=full)
            rows = source.count(info, window)
            costs = [source.cost(info, window, rows)]
            if fills:
                everything = Window(None, window.end)
                costs.append(source.cost(info.narrowed(fills), everything, source.count(info, everything)))
            # The run describes and counts once more.
            costs.append(source.spent().calls - before)
        except SourceError as error:
            found.append(Planned(name, None, error=str(error)))
            continue
        known = [cost for cost in costs if cost is not None]
        found.append(Planned(name, window, rows, sum(known) if len(known) == len(costs) else None, fills=fills))
    return Plan(tuple(found), source.spent())
