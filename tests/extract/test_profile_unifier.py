"""The example of three sources, run as its README says: exactly these customers, from exactly these records."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "profile_unifier"

COMMANDS = {"python": sys.executable, "braid": f"{sys.executable} -m orchestration.cli"}

pytestmark = [pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def unified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse that the README's commands leave, in a folder of the test's."""
    folder = tmp_path_factory.mktemp("unifier")
    (block,) = re.findall(r"^```sh\n(.*?)^```", (EXAMPLE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block.count("$PWD/.braid/profile_unifier") == 1
    # The command of this checkout, not of whichever is installed.
    script = block.replace("$PWD/.braid/profile_unifier", str(folder))
    script = re.sub(r"\.venv/bin/(braid|python)", lambda found: COMMANDS[found[1]], script)
    (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("BRAID_", "DBT_", "SEGMENT_"))
            },
            "DBT_PROFILES_DIR": str(folder),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        capture_output=True,
        text=True,
        timeout=450,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "unified.duckdb"


def rows(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_records_that_share_an_address_or_a_login_are_one_customer(unified: Path) -> None:
    found = rows(
        unified,
        "select list(record_key order by record_key) from identity.customer_xref group by customer_id order by all",
    )
    assert [records for (records,) in found] == [
        ["files:person:shop/100", "files:person:sign_ups/1", "segment:anonymous:device-a", "segment:user:u-1"],
        ["files:person:shop/101", "files:person:sign_ups/2"],
        ["files:person:shop/102", "files:person:sign_ups/3", "segment:anonymous:device-c", "segment:user:u-3"],
        ["files:person:shop/103"],
        ["segment:anonymous:device-z"],
    ]


def test_each_customer_has_one_golden_record(unified: Path) -> None:
    found = rows(
        unified,
        "select email, user_id, given_name, family_name, country from identity.customer_master"
        " order by email nulls last",
    )
    assert found == [
        ("ada.sample@mail.example", "u-1", "Ada", "Sample", "DE"),
        ("bo@mail.example", None, "Bo", "Specimen", "FR"),
        ("cy.at.work@mail.example", "u-3", "Cy", "Placeholder", "DE"),
        ("dee@mail.example", None, "Dee", "Dummy", None),
        (None, None, None, None, None),
    ]


def test_purchases_are_the_customers_and_those_of_nobody_still_count(unified: Path) -> None:
    found = rows(
        unified,
        "select customer_360.full_name, sum(fct_orders.amount) from marts.fct_orders"
        " left join marts.customer_360 using (customer_id) group by 1 order by 1 nulls last",
    )
    assert found == [
        ("Ada Sample", Decimal("39.10")),
        ("Bo Specimen", Decimal("3.55")),
        ("Cy Placeholder", Decimal("24.90")),
        ("Dee Dummy", Decimal("59.00")),
        (None, Decimal("7.10")),
    ]


def test_every_window_of_the_database_is_proven(unified: Path) -> None:
    found = rows(unified, "select object, proof, source_count from ops.extract_windows where source = 'sql' order by 1")
    assert found == [("orders", "proven", 7), ("people", "proven", 4)]
