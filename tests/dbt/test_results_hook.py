"""What on-run-end keeps of a run, on a project of a handful of nodes: dbt reads it anew in a second."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dbt.project import ROOT, Project

pytestmark = [pytest.mark.timeout(300)]

FILES = {
    "models/sold.sql": "{{ config(materialized='table', meta={'owner': \"the shop's\", 'domain': 'sales'}) }}\n"
    "select 1 as id, 'it''s' as said",
    "models/inlined.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('sold') }}",
    "models/seen.sql": "select * from {{ ref('inlined') }}",
    # Fails with quotes, a backslash and a line break in dbt's message.
    "models/broken.sql": "{{ config(materialized='table') }}\n"
    "select 'it''s \\\n; drop table ops.dbt_results; --' :: integer as id",
    "models/behind.sql": "select * from {{ ref('broken') }}",
    "tests/singular/none_sold.sql": "select * from {{ ref('sold') }}",
}


class Shop(Project):
    """The project, and what was kept."""

    def fails(self, command: str, *arguments: str) -> None:
        """Run dbt, which says why it failed and writes its results all the same."""
        with pytest.raises(AssertionError, match=r"Done\. PASS="):
            self.run(command, *arguments)

    def runs(self) -> list[tuple[Any, ...]]:
        """Command, rows and whether it was whole, run by run."""
        return self.rows(
            "select command, count(*), bool_and(is_whole) from ops.dbt_results"
            " group by invoked_at, command order by invoked_at"
        )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copytree(ROOT / "macros" / "run", folder / "macros")
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    kept = ("name", "version", "config-version", "profile", "test-paths", "flags", "vars", "on-run-start", "on-run-end")
    (folder / "dbt_project.yml").write_text(yaml.safe_dump({key: settings[key] for key in kept}))
    sources = yaml.safe_load((ROOT / "models" / "ops" / "_ops__sources.yml").read_text())
    books = [source for source in sources["sources"] if source["name"] == "dbt"]
    (folder / "models" / "sources.yml").write_text(yaml.safe_dump({"sources": books}))
    return Shop(tmp_path, folder)


def test_a_run_that_fails_is_kept_and_fails_for_its_own_reason_only(shop: Shop) -> None:
    shop.fails("build")
    assert shop.rows(
        "select node_name, status, failures, row_count, owner, tested_node, is_whole from ops.dbt_results order by 1"
    ) == [
        ("behind", "skipped", None, None, None, None, True),
        ("broken", "error", None, None, None, None, True),
        ("none_sold", "fail", 1, None, "the shop's", "sold", True),
        ("seen", "skipped", None, None, None, None, True),
        ("sold", "success", None, 1, "the shop's", None, True),
    ]


def test_a_build_is_whole_when_it_has_a_result_of_everything(shop: Shop) -> None:
    (shop.project / "models" / "broken.sql").write_text("select 1 as id")
    shop.fails("build", "--select", "fqn:*")
    # It has the arguments of the run before, and runs only what failed and what waits for it.
    shop.fails("retry")
    shop.run("run")
    assert shop.runs() == [
        ("build", 5, True),
        ("build", 2, False),
        ("run", 4, False),
    ]


def test_who_may_only_read_runs_tests_all_the_same(shop: Shop) -> None:
    (shop.project / "tests" / "singular" / "none_sold.sql").write_text("select * from {{ ref('sold') }} where id > 1")
    shop.run("build", "--select", "sold")
    shop.run("test", "--target", "reader")
    shop.run("test", "--vars", "{keep_results: false}")
    assert shop.runs() == [("build", 2, False)]


def test_what_only_compiles_or_makes_no_rows_is_not_kept(shop: Shop) -> None:
    shop.run("run", "--select", "sold")
    shop.run("run", "--select", "sold", "--empty")
    shop.run("compile", "--select", "seen")
    assert shop.runs() == [("run", 1, False)]


def test_days_that_are_no_number_forget_nothing(shop: Shop) -> None:
    shop.run("build", "--select", "sold", "--exclude", "none_sold")
    shop.execute("update ops.dbt_results set invoked_at = '2001-01-01'")
    shop.run("build", "--select", "sold", "--exclude", "none_sold", "--vars", "{kept_results_days: ninety}")
    assert shop.runs() == [("build", 1, False)] * 2
