"""docs/connectors.md quotes files that run: the text is the files', and the files do what the guide says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from extract import registry
from extract.source import Source
from orchestration.lib import project
from tests.conformance.bench import Bench
from tests.conformance.desk import Desk, serving
from tests.conformance.system import Record

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "connectors.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "connector"
BLOCKS = re.findall(r"^```\w+\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
QUOTED = [*sorted(path for path in EXAMPLE.iterdir() if path.is_file()), Path(__file__).with_name("test_tickets.py")]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the guide's line in it, of the module where the example lies."""
    (line,) = [block for block in BLOCKS if "extract.sources.tickets" in block]
    entry: dict[str, tuple[str, str]] = yaml.safe_load("{" + line.replace("(", "[").replace(")", "]") + "}")
    ((name, (module, kind)),) = entry.items()
    assert module == "extract.sources.tickets"
    monkeypatch.setitem(registry._CLASSES, name, ("docs.examples.connector.tickets", kind))


@pytest.mark.parametrize("path", QUOTED, ids=lambda path: path.name)
def test_the_guide_quotes_the_file_to_the_letter(path: Path) -> None:
    assert path.read_text() in BLOCKS


def test_the_guide_names_every_method_of_a_source() -> None:
    own = {name for name in vars(Source) if not name.startswith("_")} - {"name", "objects", "counted"}
    assert [name for name in sorted(own) if f"`{name}`" not in GUIDE] == []


def test_descriptions_that_the_example_refers_to_exist() -> None:
    written = "".join(path.read_text() for path in (ROOT / "models").rglob("*.md"))
    asked = re.findall(r"doc\('(\w+)'\)", (EXAMPLE / "_tickets__sources.yml").read_text())
    assert asked
    assert [name for name in asked if f"{{% docs {name} %}}" not in written] == []


def test_links_of_the_guide_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target


@pytest.mark.usefixtures("registered")
def test_the_example_becomes_an_asset_with_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.source_class("tickets").name == "tickets"
    (source,) = yaml.safe_load((EXAMPLE / "_tickets__sources.yml").read_text())["sources"]
    tables = {
        table["name"]: {"source_name": source["name"], "config": {}, "meta": {}, **table} for table in source["tables"]
    }
    monkeypatch.setattr(project, "manifest", lambda: {"sources": tables})
    assets, checks = (importlib.import_module(f"docs.examples.connector.{name}") for name in ("assets", "checks"))
    (key,) = assets.tickets.keys
    assert key.path == ["tickets", "tickets"]
    assert assets.tickets.descriptions_by_key[key] == tables["tickets"]["description"]
    assert {check.asset_key for check in checks.tickets_batches.check_keys} == {key}


def test_the_staging_model_reads_what_lands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = yaml.safe_load((EXAMPLE / "_tickets__sources.yml").read_text())["sources"]
    declared = {column["name"] for column in source["tables"][0]["columns"]}
    with serving(Desk()) as desk:
        desk.put([Record(number, desk.clock.replace(hour=5), "printer", number) for number in (1, 2)])
        bench = Bench(desk, tmp_path)
        bench.extract()
        stored = bench.stored()
        assert declared <= stored[0].keys()
        table = bench.info().table
    assert (table.schema, table.name) == (source["schema"], source["tables"][0]["name"])
    sql = (EXAMPLE / "stg_tickets__tickets.sql").read_text().replace("{{ source('tickets', 'tickets') }}", str(table))
    with duckdb.connect(tmp_path / "w.duckdb", read_only=True) as connection:
        rows: list[Any] = connection.sql(sql).project("ticket_id, subject, is_deleted").fetchall()
    assert sorted(rows) == [(1, "printer", False), (2, "printer", False)]
