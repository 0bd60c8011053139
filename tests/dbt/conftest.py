"""One dbt project a session: parsing it anew for every test would take longer than the tests."""

from __future__ import annotations

import pytest

from tests.dbt.ledger_sql import Models, compiled
from tests.dbt.project import Project


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("dbt"))


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
