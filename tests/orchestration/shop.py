"""A project and a warehouse of one's own, for what identity decides: two lists of people who share a mailbox."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts import build as contracts
from orchestration.cli import run

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ["build", "--exclude-resource-type", "unit_test"]
PEOPLE = 15
SHARED = "abc@abc.com"
XREF = "select record_key, customer_id from identity.customer_xref_current order by record_key"
BOOKS = ("customer_ids", "customer_xref", "identity_builds", "identity_over_limits", "identity_clusters")

Rows = list[tuple[Any, ...]]


class Shop:
    """A project and a warehouse of one's own: two lists of the same people, who left one address in the first."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project = project
        self.file = folder / "braid.duckdb"
        self.copy = folder / "braid_serving.duckdb"

    def execute(self, *statements: str) -> None:
        with duckdb.connect(str(self.file)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, sql: str, file: Path | None = None) -> Rows:
        with duckdb.connect(str(file or self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def books(self) -> list[Rows]:
        return [self.rows(f"select * from identity.{name} order by all") for name in BOOKS]

    def customers(self) -> dict[str, str]:
        return dict(self.rows(XREF))

    def block(self, is_blocked: bool) -> None:
        """Put the address on the list of blocked values, or take it off."""
        path = self.project / "contracts" / "identifiers.yml"
        text = path.read_text().replace(f"{SHARED}, ", "")
        path.write_text(text.replace("[test@test.com, ", f"[test@test.com, {SHARED}, ") if is_blocked else text)
        contracts.build(self.project / "contracts", self.project / "seeds" / "contracts")

    def person(self, dataset: str, number: int, email: str | None = None) -> str:
        address = f"'{email}'" if email else "null"
        return (
            "insert into raw_files.people (dataset, person_id, email, phone, country, created_at) values"
            f" ('{dataset}', '{number}', {address}, '+1 503 206 {1000 + number}', 'US', timestamp '2026-01-01')"
        )

    def order(self, order_id: str, person: int) -> str:
        return (
            "insert into raw_files.orders (dataset, order_id, line_id, customer_id, ordered_at, amount, currency)"
            f" values ('shop', '{order_id}', '1', '{person}', timestamp '2026-02-01', 10, 'USD')"
        )

    def extraction(self, at: str) -> str:
        """The books' row of a run that read the lists."""
        return (
            "insert into ops.extract_runs (run_id, source, object, table_schema, table_name, started_at, looked_at,"
            f" finished_at, status, rows_landed, proof, complete_to) values ('{at}', 'files', 'people', 'raw_files',"
            f" 'people', '{at}', '{at}', '{at}', 'succeeded', 1, 'uncounted', '{at}')"
        )


def build_shop(folder: Path) -> None:
    """The project and its warehouse in ``folder``, after a first build."""
    project = folder / "project"
    for name in ("contracts", "macros", "models", "seeds", "snapshots", "tests/singular"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copyfile(ROOT / "dbt_project.yml", project / "dbt_project.yml")
    shutil.copyfile(ROOT / "profiles.yml.example", folder / "profiles.yml")
    shop = Shop(project, folder)
    shop.execute(
        "create schema raw_files",
        "create table raw_files.people (dataset text, person_id text, email text, phone text, country text,"
        " created_at timestamp)",
        "create table raw_files.orders (dataset text, order_id text, line_id text, customer_id text,"
        " ordered_at timestamp, amount double, currency text)",
        "create schema ops",
        "create table ops.extract_runs (run_id text, source text, object text, table_schema text, table_name text,"
        " started_at timestamp, looked_at timestamp, finished_at timestamp, status text, rows_landed bigint,"
        " proof text, complete_to timestamp)",
        shop.extraction("2026-02-01 02:00"),
        *(shop.person("shop", number, SHARED) for number in range(PEOPLE)),
        *(shop.person("till", number) for number in range(PEOPLE)),
        shop.order("o1", 3),
    )
    with pytest.MonkeyPatch.context() as patch:
        environment(patch, folder)
        assert run(BUILD) == 0


def environment(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("DBT_PROFILES_DIR", str(folder))
    patch.setenv("DBT_PROJECT_DIR", str(folder / "project"))
    patch.setenv("BRAID_DUCKDB", str(folder / "braid.duckdb"))
    patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
    patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
