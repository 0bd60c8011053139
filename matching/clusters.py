"""Clusters of records that are one person, as SQL: two clusters join while all that is between them speaks for it.

Closing over every link would make one customer of a household by one bad pair. Here two clusters join only when their
score reaches the threshold: the mean of their best pair and of all pairs between them. A pair that was never compared
counts as unlikely, one that contradicts counts with its weight. In a round every cluster names the best of its
neighbours, and those that name each other join; what is left is the same in whatever order the rows come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

# Bits. What a pair counts that blocking did not find: about as unlikely to be a link as the least likely one it found.
FLOOR = -10
# Bits. The most that one pair can say against two clusters: a record with errors of its own must not outvote the rest.
WORST = -20
# The share of a score that the best pair has; the rest is the mean of all.
BEST_SHARE = 0.5

_SCORE = (
    f"{BEST_SHARE} * edges.best + {1 - BEST_SHARE} * "
    f"(edges.total + ({FLOOR}) * (a.records * b.records - edges.pairs)) / (a.records * b.records)"
)


def start(weighed: str, keys: str, threshold: str, names: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Name and query of the tables before the first round; ``names`` gives each its name in the warehouse.

    Only pairs of records that both have a link matter: no cluster can join by any other.
    """
    linked = names("linked_0")
    yield (
        names("clusters_0"),
        f"select record_key, record_key as cluster_key from {keys}",
    )
    yield (
        linked,
        f"select record_key_a as record_key from {weighed} where link_weight >= {threshold} "
        f"union select record_key_b from {weighed} where link_weight >= {threshold}",
    )
    yield (
        names("edges_0"),
        "select pairs.record_key_a as cluster_a, pairs.record_key_b as cluster_b, pairs.link_weight as best, "
        f"greatest(pairs.link_weight, {WORST}) as total, 1 as pairs from {weighed} as pairs "
        f"inner join {linked} as a on pairs.record_key_a = a.record_key "
        f"inner join {linked} as b on pairs.record_key_b = b.record_key",
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
