"""Links kept part by part, and components that are told of them, on both warehouses: small changes in a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.dbt.ledger_rules import components, stars
from tests.dbt.project import ROOT, Project
from tests.dbt.test_components import PROJECT, Edge
from tests.dbt.test_components_kept import Worker, worker

pytestmark = [pytest.mark.timeout(300)]

# An edge is a record and what it carries, or a record alone. Sources say of records before "c" that they were updated
# since the last build, of others that they were not: a guess that is right of some.
MODELS = {
    "int_identity__records.sql": """
        select distinct node_a as record_key, {{ node_number('node_a') }} as record_number,
            cast(case when node_a < 'c' then '2026-01-05' else '2026-01-01' end as timestamp) as updated_at
        from {{ target.schema }}.edges where node_a is not null
    """,
    "identity_builds.sql": """
        {{ config(materialized='table') }} select cast('2026-01-04' as timestamp) as built_at
    """,
    "int_identity__identifiers.sql": """
        select node_a as record_key, 'email' as identifier_type, node_b as identifier_value,
            'usable' as identifier_status, 2 as priority, {{ node_number('node_a') }} as record_number,
            {{ node_number("'email', node_b") }} as value_number
        from {{ target.schema }}.edges where node_b is not null
    """,
    "int_identity__judged_pairs.sql": """
        select node_a as record_key_a, node_b as record_key_b, 'link' as verdict, 'none' as evidence,
            0.5 as link_probability
        from {{ target.schema }}.edges where 1 = 0
    """,
    "int_identity__decisions.sql": """
        select node_a as record_key_a, node_b as record_key_b from {{ target.schema }}.edges where 1 = 0
    """,
    "sources.yml": "sources: [{name: ops, schema: ops, tables: [{name: identity_decisions}]}]",
    "int_identity__links.sql": (ROOT / "models" / "identity" / "int_identity__links.sql").read_text(),
    "components.sql": """
        {{ config(
            materialized='connected_components',
            meta={'node_column': 'node', 'component_column': 'component', 'changes': 'changed_link_ends'}
        ) }}
        -- depends_on: {{ ref('int_identity__decisions') }}
        -- depends_on: {{ ref('int_identity__records') }}
        select record_key_a as node_a, record_key_b as node_b from {{ ref('int_identity__links') }}
        union all
        select distinct node_a, cast(null as varchar) as node_b from {{ target.schema }}.edges where node_a is not null
    """,
}
BALLAST: list[Edge] = [(f"x{number:03}", f"tie{number // 3}") for number in range(300)]


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    yield from worker(request.param, tmp_path_factory.mktemp("parts"), models=MODELS)


def expected(edges: list[Edge]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for record, value in edges:
        assert record is not None
        values.setdefault(record, []).extend([value] if value is not None else [])
    return components(values, stars(values))


def test_small_changes_in_a_row_give_what_each_gives_from_nothing(kept: Worker) -> None:
    steps: list[list[Edge]] = [
        [("b", "e1"), ("c", "e1"), ("c", "e2"), ("d", "e2"), ("lone", None)],
        [("a", "e2"), ("b", "e1"), ("c", "e1"), ("c", "e2"), ("d", "e2"), ("new", None)],
        [("a", "e2"), ("b", "e8"), ("c", "e2"), ("d", "e8"), ("f", "tie7"), ("new", None)],
        [("a", "e2"), ("b", "e8"), ("c", "e2"), ("d", "e8"), ("f", "tie7"), ("new", None)],
        [("a", "e2"), ("c", None)],
        # Only what sources say is new, another, and gone.
        [("a", "e3"), ("aa", "e3"), ("b", "tie9"), ("c", None)],
        [("aa", "e3"), ("ab", "e3"), ("b", "tie10"), ("c", None)],
        [("ab", "e3"), ("b", "tie10"), ("c", None)],
        # Not a word of a new one, though there is news as well.
        [("ab", "e3"), ("b", "tie11"), ("c", "tie12"), ("z", "e3")],
    ]
    for place, step in enumerate(steps):
        found, anew = kept.run([*BALLAST, *step])
        assert found == expected([*BALLAST, *step])
        assert not (anew and place)


def test_other_sql_of_the_links_or_of_a_view_over_them_makes_everything_anew(tmp_path: Path) -> None:
    links = MODELS["int_identity__links.sql"]
    ties = "{{ config(materialized='view') }} select * from {{ ref('int_identity__links') }} where evidence <> 'e1'"
    over_a_view = "-- depends_on: {{ ref('int_identity__links') }}\n"
    over_a_view += MODELS["components.sql"].replace("ref('int_identity__links')", "ref('ties')")
    shouted = links.replace("tied.identifier_value as evidence", "upper(tied.identifier_value) as evidence")
    assert shouted != links
    edges: list[Edge] = [*BALLAST, ("a", "e1"), ("b", "e1"), ("b", "e2"), ("c", "e2")]
    versions = [
        ({}, {"a", "b", "c"}),
        ({"ties.sql": ties, "components.sql": over_a_view}, {"b", "c"}),
        ({"ties.sql": ties.replace("'e1'", "'e2'")}, {"a", "b"}),
        ({"int_identity__links.sql": shouted}, {"a", "b", "c"}),
    ]
    models = dict(MODELS)
    for changed, together in versions:
        models |= changed
        for each in worker("duckdb", tmp_path, models=models):
            found, _ = each.run(edges)
            assert {record for record in "abc" if [*found.values()].count(found[record]) > 1} == together
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        evidence = connection.execute("select distinct evidence from scratch.int_identity__links").fetchall()
    assert {value for (value,) in evidence} == {value.upper() for _, value in edges if value is not None}


def test_statements_in_one_transaction_leave_nothing_of_themselves_when_one_fails(tmp_path: Path) -> None:
    macros = tmp_path / "project" / "macros"
    macros.mkdir(parents=True)
    (macros.parent / "dbt_project.yml").write_text(PROJECT)
    (macros / "in_one_transaction.sql").write_text((ROOT / "macros" / "run" / "in_one_transaction.sql").read_text())
    (macros / "halfway.sql").write_text(
        "{% macro halfway() %}"
        "{% do braid.in_one_transaction(['insert into kept values (2)', 'insert into missing values (2)']) %}"
        "{% endmacro %}"
    )
    project = Project(tmp_path, macros.parent)
    project.execute("create table kept as select 1 as number")
    with pytest.raises(AssertionError, match="missing does not exist"):
        project.run("run-operation", "halfway")
    assert project.rows("select number from kept") == [(1,)]
