"""Connected components in SQL against a union-find, on shapes that break naive loops."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from tests.dbt.project import ROOT, Project

pytestmark = [pytest.mark.timeout(300)]

Edge = tuple[str | None, str | None]

PROJECT = """
name: braid
version: "1.0.0"
profile: braid
flags: {send_anonymous_usage_stats: false}
vars: {schema_prefix: ""}
"""
MODEL = """
{{ config(materialized='connected_components', meta={'node_column': 'node', 'component_column': 'component'}) }}
select node_a, node_b from main.edges
"""


@pytest.fixture
def graph(tmp_path: Path) -> Project:
    """A project of one model over our macros."""
    home = tmp_path / "project"
    (home / "models").mkdir(parents=True)
    (home / "dbt_project.yml").write_text(PROJECT)
    (home / "models" / "components.sql").write_text(MODEL)
    (home / "macros").symlink_to(ROOT / "macros")
    return Project(tmp_path, home)


def components(graph: Project, edges: Iterable[Edge]) -> dict[str, str]:
    with duckdb.connect(graph.warehouse) as connection:
        connection.execute("create or replace table edges (node_a varchar, node_b varchar)")
        rows = list(edges)
        connection.execute(
            "insert into edges select unnest(?::varchar[]), unnest(?::varchar[])",
            [[a for a, _ in rows], [b for _, b in rows]],
        )
    graph.run("run")
    return dict(graph.rows("select node, component from main.components"))


def expected(edges: Iterable[Edge]) -> dict[str, str]:
    """Union-find with the smallest name as the root."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in edges:
        ends = [root(node) for node in (a, b) if node is not None]
        if len(ends) == 2:
            parent[max(ends)] = min(ends)
    return {node: root(node) for node in parent}


def test_a_long_chain_in_any_order_takes_a_logarithm_of_steps(graph: Project) -> None:
    names = [f"n{number:05}" for number in range(5_000)]
    shuffled = random.Random(7).sample(names, len(names))
    edges: list[Edge] = [*pairwise(names)]
    edges += [(f"s{a}", f"s{b}") for a, b in pairwise(shuffled)]
    assert components(graph, edges) == dict.fromkeys(names, names[0]) | {f"s{n}": f"s{names[0]}" for n in names}
    steps = (
        (graph.folder / "logs" / "dbt.log").read_text().count('create or replace temporary table "components__label')
    )
    assert 5 <= steps <= 30  # a round leaves a third; a step a node would be thousands


def test_hubs_bridges_and_lone_nodes(graph: Project) -> None:
    hub: list[Edge] = [("z-hub", f"h{number}") for number in range(3_000)]
    left: list[Edge] = [(f"l{number}", f"l{number // 2}") for number in range(1, 1_000)]
    right: list[Edge] = [(f"r{number}", f"r{number - 1}") for number in range(1, 1_000)]
    odd: list[Edge] = [("lone", None), ("self", "self"), (None, "right only"), (None, None)]
    twice: list[Edge] = [("x", "y"), ("y", "x"), ("x", "y")]
    edges = [*hub, *left, *right, ("l999", "r999"), *odd, *twice]
    found = components(graph, edges)
    assert found == expected(edges)
    assert found["r0"] == found["l0"] == "l0"
    assert found["z-hub"] == "h0"
    assert found["lone"] == "lone"


def test_random_graphs_equal_a_union_find(graph: Project) -> None:
    # Many graphs in one run: dense, sparse, trees, with ids whose order has nothing to do with the edges'.
    draw = random.Random(20_260_105)
    edges: list[Edge] = []
    for number in range(300):
        size = draw.randint(1, 40)
        nodes = [f"{number}:{draw.randrange(10**6)}" for _ in range(size)]
        edges += [(node, None) for node in nodes]
        edges += [
            (draw.choice(nodes), draw.choice(nodes)) for _ in range(draw.randint(0, int(size * draw.random() * 2)))
        ]
    wanted = expected(edges)
    assert 1_000 < len(set(wanted.values())) < len(wanted)
    assert components(graph, edges) == wanted
    draw.shuffle(edges)
    assert components(graph, [(b, a) for a, b in edges]) == wanted


def test_no_edges_and_no_nodes(graph: Project) -> None:
    assert components(graph, []) == {}
    assert components(graph, [("a", None), ("b", None)]) == {"a": "a", "b": "b"}
