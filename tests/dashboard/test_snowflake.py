"""The pages inside Snowflake, as far as fakesnow can tell: it answers, and the words are Snowflake's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fakesnow
import pandas as pd
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from dashboard import data
from tests.dashboard import company
from tests.snowflake.dialect import unknown_functions

pytestmark = [pytest.mark.timeout(120)]


ROOT = Path(__file__).resolve().parents[2]
# What a page needs when it is opened and used, and where it was found.
IMPORTED = """
import sys
sys.path.insert(0, "dashboard")
import dashboard.data, dashboard.reading, dashboard.shown
from dashboard.views import acquisition, customer, health, retention, sales
import extract.status, orchestration.explain.drawing, orchestration.explain.text
from contracts import identifiers
from dashboard import metrics
assert identifiers.read().types and metrics.definitions().metrics
ours = ("dashboard", "extract", "orchestration", "contracts", "warehouse", "dbt", "dagster", "duckdb")
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] in ours:
        print(name, module.__file__)
"""


class Session:
    """What the pages use of a Snowpark session, over a connection of fakesnow."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.asked: list[str] = []

    def get_current_database(self) -> str:
        return '"BRAID"'

    def sql(self, query: str, params: Sequence[object] = ()) -> Session:
        self.asked.append(query)
        self._cursor = self.connection.cursor()
        # The connector's own marks: fakesnow knows no others.
        self._cursor.execute(query.replace("%", "%%").replace("?", "%s"), tuple(params))
        return self

    def to_pandas(self) -> pd.DataFrame:
        found: pd.DataFrame = self._cursor.fetch_pandas_all()
        return found


def read(asked: Sequence[str]) -> set[str]:
    """Tables of the warehouse's own schemas in these queries."""
    return {name for sql in asked for name in re.findall(r"\b(?:marts|identity|staging|ops)\.(\w+)", sql)}


def declared(page: str) -> set[str]:
    """What the page's exposure says it depends on."""
    exposures = yaml.safe_load((ROOT / "models" / "metrics" / "_metrics__exposures.yml").read_text())["exposures"]
    (one,) = (one for one in exposures if one["name"] == f"dashboard_{page}")
    return {re.findall(r"'(\w+)'", reference)[-1] for reference in one["depends_on"]}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A database BRAID with the company in it."""
    import snowflake.connector

    folder = tmp_path_factory.mktemp("snowflake")
    company.made(folder / "BRAID.db", 60)
    with fakesnow.patch(db_path=folder), snowflake.connector.connect(database="BRAID") as connection:
        yield connection


@pytest.fixture
def session(connection: Any) -> Session:
    return Session(connection)


@pytest.mark.parametrize("page", ["sales", "customer", "acquisition", "retention", "health"])
def test_a_page_runs_in_snowflake(
    page: str, session: Session, opened: Callable[..., AppTest], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"customer": "cus_000000000000000000000001"} if page == "customer" else {}
    monkeypatch.setattr(data, "connect", lambda: data.SnowflakeSession(session))
    at = opened(page, made, **query)
    assert not at.exception, at.exception
    assert not at.error, [error.value for error in at.error]
    assert len(at.metric) == 6
    assert session.asked
    assert read(session.asked) <= declared(page)
    assert read(session.asked)
    for asked in session.asked:
        assert not unknown_functions(asked.replace("?", "null")), asked


def test_what_is_uploaded_is_all_that_is_imported(tmp_path: Path) -> None:
    entity = yaml.safe_load((ROOT / "snowflake.yml").read_text())["entities"]["braid_dashboard"]
    for pattern in entity["artifacts"]:
        files = sorted(ROOT.glob(pattern))
        assert files, pattern
        for file in files:
            place = tmp_path / file.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    assert (tmp_path / entity["main_file"]).is_file()
    done = subprocess.run([sys.executable, "-c", IMPORTED], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert "dashboard.views.sales" in found
    assert {name for name, file in found.items() if not file.startswith(str(tmp_path))} == set()
