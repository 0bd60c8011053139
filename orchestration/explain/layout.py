"""Where records and ties stand in a drawing: columns from left to right, by how many steps from the first record.

A tie stands right of the records it was reached from, and whoever it brings in right of it: so lines only ever join two
neighbouring columns. Positions are in pixels; the same graph has the same layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.explain.ties import Tie, Ties

RECORD_WIDTH, RECORD_HEIGHT = 228, 50
TIE_WIDTH, TIE_HEIGHT = 216, 40
GAP, BETWEEN = 16, 44

Node = str | Tie


@dataclass(frozen=True)
class Place:
    """Upper left corner and size of a node."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Height at which its lines end."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """Places of all nodes, lines between them, and the size of the whole."""

    places: dict[Node, Place]
    lines: list[tuple[Node, Node]]
    width: float
    height: float


def laid_out(ties: Ties, root: str, records: Sequence[str]) -> Layout:
    """Place ``records`` (those without a link too) and what ties at least two of them, from ``root`` on."""
    columns, lines = _columns(ties, root, records)
    before: dict[Node, list[Node]] = {}
    after: dict[Node, list[Node]] = {}
    for left, right in lines:
        before.setdefault(right, []).append(left)
        after.setdefault(left, []).append(right)
    middles: dict[Node, float] = {}
    for column in columns:
        _stand(column, before, middles)
    # The other way once: a column that is wider than the one before it pulls that one to its middle.
    for column in reversed(columns):
        _stand(column, after, middles)
    top = min((middles[node] - _size(node)[1] / 2 for node in middles), default=0.0)
    places: dict[Node, Place] = {}
    x = 0.0
    for column in columns:
        for node in column:
            width, height = _size(node)
            places[node] = Place(x, middles[node] - height / 2 - top, width, height)
        x += max((_size(node)[0] for node in column), default=0.0) + BETWEEN
    height = max((place.y + place.height for place in places.values()), default=0.0)
    return Layout(places, lines, max(x - BETWEEN, 0.0), height)


def _columns(ties: Ties, root: str, records: Sequence[str]) -> tuple[list[list[Node]], list[tuple[Node, Node]]]:
    shown, placed = set(records), {root}
    columns: list[list[Node]] = [[root]]
    lines: list[tuple[Node, Node]] = []
    used: set[Tie] = set()
    here: list[str] = [root]
    while here:
        found = dict.fromkeys(tie for record in here for tie in ties.ties_of.get(record, []) if tie not in used)
        found = {tie: None for tie in found if len(shown.intersection(ties.records_of[tie])) > 1}
        used.update(found)
        following: list[str] = []
        for tie in found:
            for record in ties.records_of[tie]:
                if record in here:
                    lines.append((record, tie))
                elif record in shown:
                    lines.append((tie, record))
                    if record not in placed:
                        placed.add(record)
                        following.append(record)
        if found:
            columns.append([*found])
        if following:
            columns.append([*following])
        here = following
    columns[0].extend(record for record in records if record not in placed)
    return columns, lines


def _stand(column: list[Node], beside: dict[Node, list[Node]], middles: dict[Node, float]) -> None:
    """Order a column by the middle of what each node is joined to, and stand it there, without overlaps."""
    wanted = {}
    for position, node in enumerate(column):
        near = [middles[other] for other in beside.get(node, []) if other in middles]
        wanted[node] = (sum(near) / len(near) if near else middles.get(node, 0.0), position)
    column.sort(key=lambda node: wanted[node])
    y = float("-inf")
    for node in column:
        height = _size(node)[1]
        y = max(wanted[node][0] - height / 2, y)
        middles[node] = y + height / 2
        y += height + GAP
    drift = sum(middles[node] - wanted[node][0] for node in column) / max(len(column), 1)
    for node in column:
        middles[node] -= drift


def _size(node: Node) -> tuple[float, float]:
    return (TIE_WIDTH, TIE_HEIGHT) if isinstance(node, Tie) else (RECORD_WIDTH, RECORD_HEIGHT)
