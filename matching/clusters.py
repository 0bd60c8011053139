"""Clusters of records that are one person, as SQL: two clusters join while all that is between them speaks for it.

Closing over every link would make one customer of a household by one bad pair. Here two clusters join only when their
score reaches the threshold: the mean of their best pair and of all pairs between them, where a pair that was never
compared, or weighs less than the floor, counts as the floor. In a round every cluster names the best of its
neighbours, and those that name each other join; what is left is the same in whatever order the rows come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

# Bits. What a pair counts that blocking did not find: about as unlikely to be a link as the least likely one it found.
FLOOR = -10
# The share of a score that the best pair has; the rest is the mean of all.
BEST_SHARE = 0.5

_SCORE = (
    f"{BEST_SHARE} * edges.best + {1 - BEST_SHARE} * "
    f"(edges.total + ({FLOOR}) * (a.records * b.records - edges.pairs)) / (a.records * b.records)"
)


def start(weighed: str, keys: str, names: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Name and query of the tables before the first round; ``names`` gives each its name in the warehouse."""
    yield (
        names("clusters_0"),
        f"select record_key, record_key as cluster_key from {keys}",
    )
    yield (
        names("edges_0"),
        "select record_key_a as cluster_a, record_key_b as cluster_b, link_weight as best, link_weight as total, "
        f"1 as pairs from {weighed} where link_weight > {FLOOR}",
    )


def round_of(number: int, threshold: str, names: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Name and query of each table of a round (from 1); without a row in ``joined_n`` the clusters are done."""
    before = number - 1
    clusters, edges = names(f"clusters_{before}"), names(f"edges_{before}")
    sizes, scored, joined = names(f"sizes_{number}"), names(f"scored_{number}"), names(f"joined_{number}")
    yield sizes, f"select cluster_key, count(*) as records from {clusters} group by cluster_key"
    yield (
        scored,
        f"select edges.cluster_a, edges.cluster_b, {_SCORE} as score from {edges} as edges "
        f"inner join {sizes} as a on edges.cluster_a = a.cluster_key "
        f"inner join {sizes} as b on edges.cluster_b = b.cluster_key where {_SCORE} >= {threshold}",
    )
    # Rounded, for the order of a sum is not fixed: two scores that differ by its last digit are a tie.
    both = (
        f"select cluster_a as this, cluster_b as other, round(score, 6) as score from {scored} "
        f"union all select cluster_b, cluster_a, round(score, 6) from {scored}"
    )
    best = (
        "select this, other, row_number() over (partition by this order by score desc, least(this, other) asc, "
        f"greatest(this, other) asc) as place from ({both}) as neighbours"
    )
    yield (
        joined,
        f"select one.this as kept, one.other as gone from ({best}) as one inner join ({best}) as two "
        "on one.other = two.this and two.other = one.this "
        "where one.place = 1 and two.place = 1 and one.this < one.other",
    )
    yield (
        names(f"clusters_{number}"),
        "select clusters.record_key, coalesce(joined.kept, clusters.cluster_key) as cluster_key "
        f"from {clusters} as clusters left join {joined} as joined on clusters.cluster_key = joined.gone",
    )
    moved = (
        "select coalesce(one.kept, edges.cluster_a) as a, coalesce(two.kept, edges.cluster_b) as b, "
        f"edges.best, edges.total, edges.pairs from {edges} as edges "
        f"left join {joined} as one on edges.cluster_a = one.gone "
        f"left join {joined} as two on edges.cluster_b = two.gone"
    )
    yield (
        names(f"edges_{number}"),
        "select least(a, b) as cluster_a, greatest(a, b) as cluster_b, max(best) as best, sum(total) as total, "
        f"sum(pairs) as pairs from ({moved}) as moved where a <> b group by least(a, b), greatest(a, b)",
    )
