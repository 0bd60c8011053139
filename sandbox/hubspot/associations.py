"""Associations between records, from either side, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.hubspot.objects import TYPES
from sandbox.store import Store

PAGE: Final = 100
# The same link seen from the other side has another number.
_OTHER_SIDE: Final[Mapping[int, int]] = {1: 2, 279: 280, 3: 4, 5: 6, 341: 342}
_INVERSE: Final[Mapping[int, int]] = {**_OTHER_SIDE, **{there: here for here, there in _OTHER_SIDE.items()}}
# Numbers of links without a label; the others are the primary company.
_UNLABELED: Final = frozenset({279, 280, 341, 342})


@dataclass(frozen=True)
class Link:
    """One type of link to one record."""

    to: str
    type_id: int
    category: str
    label: str | None


Targets = list[tuple[str, list[Link]]]


def links(store: Store, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, Targets]:
    """For each id that has any: the records it links to, by rising id, with the types of each link."""
    if not ids:
        return {}
    marks = ", ".join("?" * len(ids))
    sql = f"""
        select from_id, to_id, type_id, category, label, false as turned
        from hubspot.associations
        where from_object_type = ? and to_object_type = ? and from_id in ({marks})
        union all
        select to_id, from_id, type_id, category, label, true
        from hubspot.associations
        where to_object_type = ? and from_object_type = ? and to_id in ({marks})
        order by 1, try_cast(to_id as bigint), type_id
    """
    found: dict[str, dict[str, list[Link]]] = defaultdict(lambda: defaultdict(list))
    for row in store.query(sql, [from_type, to_type, *ids, from_type, to_type, *ids]).to_pylist():
        type_id = _INVERSE.get(row["type_id"], row["type_id"]) if row["turned"] else row["type_id"]
        link = Link(row["to_id"], type_id, row["category"], row["label"])
        found[row["from_id"]][link.to].append(link)
    return {from_id: list(targets.items()) for from_id, targets in found.items()}


def page(targets: Targets, after: str | None, size: int) -> tuple[Targets, str | None]:
    """The targets beyond ``after`` (an id), ``size`` at most, and the ``after`` of the next page if there is one."""
    start = 0
    if after is not None:
        start = next((n + 1 for n, (to, _) in enumerate(targets) if to == after), len(targets))
    stop = start + size
    return targets[start:stop], targets[stop - 1][0] if stop < len(targets) else None


def v4(targets: Targets) -> list[dict[str, Any]]:
    """Targets as version 4 writes them."""
    return [
        {
            "toObjectId": int(to) if to.isdigit() else to,
            "associationTypes": [
                {"category": link.category, "typeId": link.type_id, "label": link.label} for link in found
            ],
        }
        for to, found in targets
    ]


def v3(from_type: str, to_type: str, targets: Targets) -> list[dict[str, Any]]:
    """Targets as version 3 writes them: once for each type of link."""
    name = f"{TYPES[from_type][0]}_to_{TYPES[to_type][0]}"
    return [
        {"id": to, "type": f"{name}_unlabeled" if link.type_id in _UNLABELED else name}
        for to, found in targets
        for link in found
    ]
