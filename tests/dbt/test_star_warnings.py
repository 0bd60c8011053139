"""What the tests of the star schema list, on rows made by hand: each finds its harm, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.project import Project
from tests.dbt.test_star_docs import described

pytestmark = [pytest.mark.timeout(300)]

NAMES = (
    "assert_stages_are_mapped",
    "assert_stages_close_as_their_crm_does",
    "assert_rates_are_there",
    "assert_facts_find_their_dimensions",
    "assert_a_deal_is_in_one_stage_at_a_time",
)
Rows = list[tuple[Any, ...]]


class Marts:
    """The marts without rows, and the tests as SQL over them."""

    def __init__(self, queries: dict[str, str]) -> None:
        self._queries = queries
        self._connection = duckdb.connect()
        for schema in ("marts", "contracts"):
            self._connection.execute(f"create schema {schema}")
        for name, columns in described().items():
            listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            self._connection.execute(f"create table marts.{name} ({listed})")
        self._connection.execute("create table contracts.sales_stages (stage text, is_closed boolean, is_won boolean)")

    def add(self, table: str, **values: object) -> None:
        """A row; what is not given is null."""
        marks = ", ".join("?" for _ in values)
        self._connection.execute(f"insert into {table} ({', '.join(values)}) values ({marks})", list(values.values()))

    def found(self, name: str) -> Rows:
        """What the test of that name lists."""
        return self._connection.execute(f"select * from ({self._queries[name]}) order by all").fetchall()


@pytest.fixture(scope="module")
def queries(shared_project: Project) -> dict[str, str]:
    shared_project.forget()
    shared_project.run("compile", "--select", *NAMES)
    folder: Path = shared_project.folder / "target" / "compiled" / "braid" / "tests" / "singular"
    return {name: (folder / f"{name}.sql").read_text().replace('"warehouse".', "") for name in NAMES}


@pytest.fixture
def marts(queries: dict[str, str]) -> Marts:
    return Marts(queries)


def test_unmapped_stages_are_named_as_the_seed_wants_them(marts: Marts) -> None:
    known = {"source_system": "hubspot", "source_pipeline": "default", "stage_name": "Signed"}
    deals, changes = "marts.fct_opportunities", "marts.fct_opportunity_stage_changes"
    marts.add(deals, **known, source_stage="17", stage="unmapped")
    marts.add(deals, **known, source_stage="18", stage="won")
    marts.add(deals, source_system="hubspot", source_stage=None, stage="unmapped")
    marts.add(changes, **known, source_stage="17", stage="unmapped")
    marts.add(changes, **known, source_stage="18", stage="won")
    assert marts.found(NAMES[0]) == [("hubspot", "default", "17", "Signed", 2)]


def test_a_stage_that_closes_other_than_in_its_crm_is_named(marts: Marts) -> None:
    marts.add("contracts.sales_stages", stage="won", is_closed=True, is_won=True)
    marts.add("contracts.sales_stages", stage="new", is_closed=False, is_won=False)
    of = {"source_system": "salesforce", "source_pipeline": "*"}
    deals = "marts.fct_opportunities"
    marts.add(deals, **of, source_stage="Signed", stage="won", is_closed=True, is_won=True)
    marts.add(deals, **of, source_stage="Renewal", stage="won", is_closed=False, is_won=False)
    marts.add(deals, **of, source_stage="Dead", stage="new", is_closed=True, is_won=False)
    marts.add(deals, **of, source_stage="Odd", stage="unmapped", is_closed=True, is_won=True)
    assert marts.found(NAMES[1]) == [
        ("salesforce", "*", "Dead", "new", 1),
        ("salesforce", "*", "Renewal", "won", 1),
    ]


def test_missing_rates_are_named_with_their_days(marts: Marts) -> None:
    deals, orders = "marts.fct_opportunities", "marts.fct_orders"
    marts.add(
        deals, currency="EUR", has_missing_rate=True, is_deleted=False, close_on="2026-03-01", created_on="2026-01-01"
    )
    marts.add(deals, currency="EUR", has_missing_rate=True, is_deleted=False, close_on=None, created_on="2026-01-02")
    marts.add(deals, currency="EUR", has_missing_rate=True, is_deleted=True, close_on="2020-01-01")
    marts.add(deals, currency="USD", has_missing_rate=False, is_deleted=False, close_on="2026-03-01")
    marts.add(orders, currency="GBP", has_missing_rate=True, ordered_on="2026-01-05")
    found = [
        (fact, currency, f"{first}", f"{last}", rows) for fact, currency, first, last, rows in marts.found(NAMES[2])
    ]
    assert found == [
        ("fct_opportunities", "EUR", "2026-01-02", "2026-03-01", 2),
        ("fct_orders", "GBP", "2026-01-05", "2026-01-05", 1),
    ]


def test_keys_that_lead_nowhere_are_counted_by_fact_and_column(marts: Marts) -> None:
    marts.add("marts.dim_users", user_key="salesforce:user:005A")
    marts.add("marts.dim_dates", date_day="2026-01-01")
    deals = "marts.fct_opportunities"
    marts.add(deals, owner_key="salesforce:user:005A", created_on="2026-01-01")
    marts.add(deals, owner_key="salesforce:user:005B", created_on="2026-01-01")
    marts.add(deals, owner_key=None, created_on="1889-01-01", campaign_key=None)
    assert marts.found(NAMES[3]) == [
        ("fct_opportunities", "created_on", "dim_dates", 1),
        ("fct_opportunities", "owner_key", "dim_users", 1),
    ]


@pytest.mark.parametrize(
    ("visits", "bad"),
    [
        ([("2026-01-01", "2026-01-03", False), ("2026-01-03", None, True)], []),
        ([("2026-01-01", "2026-01-04", False), ("2026-01-03", None, True)], [1]),
        ([("2026-01-01", "2026-01-02", False), ("2026-01-03", None, True)], [1]),
        ([("2026-01-01", None, False), ("2026-01-03", None, True)], [1]),
        ([("2026-01-01", "2026-01-03", True), ("2026-01-03", None, True)], [1]),
        ([("2026-01-01", "2026-01-03", False), ("2026-01-03", "2026-01-04", True)], [2]),
        ([("2026-01-03", None, True), ("2026-01-01", "2026-01-03", False)], [2]),
    ],
    ids=["good", "overlap", "gap", "never left", "two current", "current left", "numbered backwards"],
)  # fmt: skip
def test_visits_that_do_not_follow_one_another_are_named(
    marts: Marts, visits: list[tuple[str, str | None, bool]], bad: list[int]
) -> None:
    for number, (entered, left, current) in enumerate(visits, start=1):
        marts.add(
            "marts.fct_opportunity_stage_changes",
            opportunity_key="a", visit_number=number, entered_at=entered, left_at=left, is_current=current,
        )  # fmt: skip
    assert [row[1] for row in marts.found(NAMES[4])] == bad
