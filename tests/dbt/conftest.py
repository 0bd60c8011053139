"""One dbt project a session: parsing it anew for every test would take longer than the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dbt.ledger_sql import Models, compiled
from tests.dbt.project import Project


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("dbt"))


# Compiled together: dbt starts once.
_MARTS = (
    "int_finance__value_cutoff int_finance__orders_by_cutoff int_finance__churn_examples customer_churn_scores "
    "int_sales__lead_cutoff int_sales__lead_examples lead_priority_scores "
    "int_product__engagement_cutoff int_product__engagement_days customer_engagement "
    "int_marketing__paths fct_attribution"
)


@pytest.fixture(scope="session")
def compiled_marts(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models as SQL, by domain, for a warehouse file called warehouse.duckdb."""
    shared_project.forget()
    shared_project.run("compile", "--select", _MARTS)
    folder = tmp_path_factory.mktemp("compiled") / "marts"
    # Later runs of the shared project may be with other variables.
    shutil.copytree(shared_project.folder / "target" / "compiled" / "braid" / "models" / "marts", folder)
    return folder


@pytest.fixture
def project(shared_project: Project) -> Project:
    """The project over an empty warehouse."""
    shared_project.forget()
    return shared_project


@pytest.fixture(scope="session")
def models(shared_project: Project) -> Models:
    """The ledger's models as SQL."""
    shared_project.forget()
    return compiled(shared_project)
