"""Pages over a serving copy of the test's own, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard import company

SCRIPT = "from dashboard.views import {page}\n{page}.show()\n"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company of 600 customers."""
    return company.made(tmp_path_factory.mktemp("company") / "braid_serving.duckdb")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """A page over a file, run once; nothing is kept from one test to the next."""
    import streamlit as st

    def run(page: str, file: Path, **query: str) -> AppTest:
        monkeypatch.setenv("BRAID_DASHBOARD_FILE", str(file))
        at = AppTest.from_string(SCRIPT.format(page=page), default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        return at.run()

    st.cache_data.clear()
    st.cache_resource.clear()
    yield run
    st.cache_data.clear()
    st.cache_resource.clear()
