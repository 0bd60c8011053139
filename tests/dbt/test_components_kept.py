"""Components kept from run to run equal those made from nothing, whatever came and went in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt.project import ROOT
from tests.dbt.test_components import PROJECT, Edge, expected

pytestmark = [pytest.mark.timeout(600)]

MODEL = """
{{ config(materialized='connected_components', meta={'node_column': 'node', 'component_column': 'component'}) }}
select node_a, node_b from {{ target.schema }}.edges
"""
MODELS = {"components.sql": MODEL}
# So many nodes of no interest that a change of the interesting ones is a small one.
BALLAST: list[Edge] = [(f"x{number}", f"x{number // 2}") for number in range(400)]
NAMES = [f"n{number}" for number in range(9)]


class Worker:
    """One warehouse and its model."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, edges: list[Edge], *, full_refresh: bool = False) -> tuple[dict[str, str], bool]:
        """The components, and whether they were made from nothing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([edges, full_refresh]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "dbt failed: see the captured output"
        rows, anew = json.loads(line)
        assert len(rows) == len({node for node, _ in rows})
        return dict(rows), anew


def worker(
    target: str, folder: Path, macros: Path = ROOT / "macros", models: Mapping[str, str] = MODELS
) -> Iterator[Worker]:
    home = folder / "project"
    (home / "models").mkdir(parents=True, exist_ok=True)
    (home / "dbt_project.yml").write_text(PROJECT)
    for name, text in models.items():
        (home / "models" / name).write_text(text)
    if not (home / "macros").exists():
        (home / "macros").symlink_to(macros)
    command = [sys.executable, "-W", "ignore", "-m", "tests.dbt.components_worker", target, str(home), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    yield from worker(request.param, tmp_path_factory.mktemp("kept"))


names = st.sampled_from(NAMES)
graphs = st.lists(st.tuples(names, st.one_of(names, st.none())), max_size=14)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(graphs, min_size=2, max_size=4))
def test_any_sequence_of_graphs_gives_what_each_gives_from_nothing(kept: Worker, steps: list[list[Edge]]) -> None:
    # The first run of an example follows the last of the one before: one long history.
    for graph in steps:
        edges = [*graph, *BALLAST]
        found, _ = kept.run(edges)
        assert found == expected(edges)


def test_a_small_change_works_on_what_it_touches_only(kept: Worker) -> None:
    kept.run(BALLAST, full_refresh=True)
    for edges in (
        [*BALLAST, ("a", "b"), ("b", "c"), ("lone", None)],
        [*BALLAST, ("a", "b"), ("c", None), ("lone", None)],  # cut
        [*BALLAST, ("a", "b"), ("c", "x7"), ("b", "x8")],  # merged with all, and one is gone
        [*BALLAST, ("a", "b"), ("c", "x7"), ("b", "x8")],
        BALLAST[:-1],
    ):
        found, anew = kept.run(edges)
        assert found == expected(edges)
        assert not anew
    found, anew = kept.run(BALLAST[:100])
    assert found == expected(BALLAST[:100])
    assert anew


def test_two_names_of_one_number_are_told_apart(tmp_path: Path) -> None:
    macros = tmp_path / "macros"
    macros.mkdir()
    for folder in ("identity", "run"):
        (macros / folder).mkdir()
        for file in (ROOT / "macros" / folder).glob("*.sql"):
            text = file.read_text()
            if file.name == "node_number.sql":
                assert "{{ braid.hash_number(node) }}" in text
                text = text.replace("{{ braid.hash_number(node) }}", "cast(length({{ node }}) as ubigint)")
            (macros / folder / file.name).write_text(text)
    edges: list[Edge] = [("a", "bb"), ("c", "dd"), ("eee", None)]
    for clumsy in worker("duckdb", tmp_path / "work", macros):
        assert clumsy.run(edges)[0] == expected(edges)
        # Nothing is kept of numbers that once had to be salted.
        assert clumsy.run(edges) == (expected(edges), True)
        plain: list[Edge] = [(f"{'n' * size}", None) for size in range(1, 30)]
        assert clumsy.run(plain) == (expected(plain), True)
        tied: list[Edge] = [*plain, ("m", "nn"), ("m", None)]
        assert clumsy.run(tied) == (expected(tied), True)
