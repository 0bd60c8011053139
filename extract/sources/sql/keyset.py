"""Where a block begins: after the last row of the one before, in the order of several columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def after(columns: Sequence[ColumnElement[Any]], last: Sequence[object]) -> ColumnElement[bool]:
    """The rows that come after ``last`` when ordered by ``columns``, ascending; none of either may be null.

    ``a > x or (a = x and b > y) or …`` instead of ``(a, b) > (x, y)``, which not every database has. The bound on the
    first column says nothing new, but lets an index on it be used.
    """
    from sqlalchemy import and_, or_

    later = [
        and_(*(columns[before] == last[before] for before in range(place)), columns[place] > last[place])
        for place in range(len(columns))
    ]
    return and_(columns[0] >= last[0], or_(*later))
