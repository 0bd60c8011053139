"""Where a link begins: learnt from what the model itself expects of its scores, not a constant.

At a threshold the model expects so many right links (the sum of the probabilities above it) of so many, and knows how
many links there are in all. The threshold is where that promises the best F1, and never so low that fewer of the links
are right than the contract asks. Where few records repeat it comes out high, where most do it comes out low. Where no
pair lies between the last link and the first that is none, any threshold between them would do: the one nearest to
even odds serves new records best.
"""

from __future__ import annotations

import duckdb

from contracts.matching import Matching

# Thresholds are multiples of this many bits.
_STEP = 4
_NEVER = 1000.0


def thresholds(connection: duckdb.DuckDBPyConnection, weighed: str, matching: Matching) -> tuple[float, float]:
    """The link weights from which a pair is a link, and from which a person should look at it."""
    rows = connection.execute(
        f"select ceil(link_weight * {_STEP}) - 1 as step, count(*), sum(link_probability) from {weighed} "
        "group by step order by step desc"
    ).fetchall()
    everything = sum(right for _, _, right in rows)
    link, best, links, right = _NEVER, 0.0, 0, 0.0
    review = _NEVER
    following = [float(step) for step, _, _ in rows[1:]] + [-_NEVER]
    for (step, pairs, likely), below in zip(rows, following, strict=True):
        links, right = links + pairs, right + likely
        score = 2 * right / (links + everything)
        if right >= links * matching.links_right / 100 and score > best:
            link, best = max(min(step, 0), min(step, below + 2)) / _STEP, score
        if likely >= pairs * matching.worth_a_look / 100:
            review = step / _STEP
    return link, min(review, link)
