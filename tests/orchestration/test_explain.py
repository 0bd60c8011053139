"""`braid identity explain` on the sandbox company: two builds, with a cut and a join decided between them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from orchestration.cli import cli, run
from orchestration.lib import decisions
from orchestration.lib.decisions import Maker
from sandbox.company import Company
from tests.dbt.load_company import load
from tests.dbt.project import Project
from warehouse.duckdb import DuckDBWarehouse
from warehouse.serving import serving_path

pytestmark = [pytest.mark.timeout(420)]

MODELS = ("+int_identity__ranked_values", "+int_identity__sightings", "+identity_builds", "+identity_diff")
SHARED = """
    select a.record_key, b.record_key from identity.int_identity__identifiers as a
    inner join identity.int_identity__identifiers as b using (identifier_type, identifier_value)
    where a.identifier_status = 'usable' and b.identifier_status = 'usable' and a.record_key <> b.record_key
"""


@dataclass(frozen=True)
class Built:
    """A warehouse and what was decided in it."""

    project: Project
    cut: tuple[str, str]
    joined: tuple[str, str]
    old_ids: tuple[str, str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    project = Project(tmp_path_factory.mktemp("explained"))
    company = Company(seed=3, people=60)
    load(company.tables, project.warehouse, company.clock)
    project.run("build", "--resource-type", "seed", "--resource-type", "model", "--select", *MODELS)
    ((lone, other),) = project.rows(
        "select min(record_key), max(record_key) from identity.customer_xref_current group by customer_id"
        " having count(*) = 2 and min(record_key) like 'hubspot:%' order by 1 limit 1"
    )
    pairs = project.rows(
        "select customer_id, min(record_key) from identity.customer_xref_current group by customer_id"
        f" having count(*) > 2 and count(*) filter (record_key in ('{lone}', '{other}')) = 0 order by 1 limit 2"
    )
    (id_a, a), (id_b, b) = pairs
    with DuckDBWarehouse.open(project.warehouse) as warehouse:
        decisions.cut(warehouse, "identity", lone, other, Maker("ann", "mother and son", datetime(2030, 1, 1)))
        decisions.join(warehouse, "identity", a, b, Maker("bea", "she told us", datetime(2030, 1, 2)))
    project.run("run", "--select", *MODELS)
    return Built(project, (lone, other), (a, b), (id_a, id_b))


@pytest.fixture
def asked(built: Built, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ask as on the command line, in a shell whose warehouse is the built one."""
    monkeypatch.setenv("BRAID_DUCKDB", str(built.project.warehouse))

    def ask(*names: str) -> Result:
        return CliRunner().invoke(cli, ["identity", "explain", *names], catch_exceptions=False)

    yield ask
    serving_path(built.project.warehouse).unlink(missing_ok=True)


def document(asked: Any, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked(*names, "--json").stdout)
    return found


def test_every_customer_is_explained_by_values_its_records_share(built: Built, asked: Any) -> None:
    shared = set(built.project.rows(SHARED)) | {built.joined, built.joined[::-1]}
    groups = built.project.rows(
        "select customer_id, list(record_key) from identity.customer_xref_current group by 1 having count(*) > 3"
        " order by count(*) desc, 1 limit 6"
    )
    assert groups
    for customer_id, records in groups:
        found = document(asked, customer_id)
        (customer,) = found["customers"]
        assert {record["record_key"] for record in customer["records"]} == set(records)
        above: set[str] = set()
        for record in customer["records"]:
            step = record["tied_by"]
            if record["record_key"] == customer["anchor_record_key"]:
                assert step is None
            else:
                assert step["from"] in above
                assert step["to"] == record["record_key"]
                assert (step["from"], step["to"]) in shared
                assert step["score"] == 1.0
                assert step["first_seen_at"] is not None
            above.add(record["record_key"])


def test_golden_fields_have_the_value_that_was_built_and_losers_by_rank(built: Built, asked: Any) -> None:
    golden = built.project.rows(
        "select customer_id, field, field_value, record_key, survivorship_rule"
        " from identity.int_identity__ranked_values where survivorship_rank = 1"
    )
    offered = built.project.rows(
        "select customer_id, field, count(*) from identity.int_identity__ranked_values group by 1, 2"
    )
    counts = {(customer, field): count for customer, field, count in offered}
    customer_id = max({row[0] for row in golden}, key=lambda name: sum(counts[name, f] for n, f in counts if n == name))
    (customer,) = document(asked, customer_id)["customers"]
    told = {
        (customer_id, one["field"], one["value"], one["record_key"], one["rule"]) for one in customer["golden_record"]
    }
    assert told == {row for row in golden if row[0] == customer_id}
    assert {(customer_id, one["field"]): 1 + len(one["not_chosen"]) for one in customer["golden_record"]} == {
        key: count for key, count in counts.items() if key[0] == customer_id
    }


def test_two_that_were_cut_are_two_customers_and_the_reason_is_told(built: Built, asked: Any) -> None:
    found = document(asked, *built.cut)
    assert not found["same_customer"]
    assert [one["why"] for one in found["kept_apart_by"]] == ["mother and son"]
    said = asked(*built.cut).stdout
    assert "are two customers" in said
    assert '"mother and son" (ann' in said


def test_an_old_id_is_the_customer_it_went_into_and_the_join_is_on_the_path(built: Built, asked: Any) -> None:
    found = document(asked, *built.old_ids)
    assert found["same_customer"]
    living = found["customers"][0]["customer_id"]
    (old,) = set(built.old_ids) - {living}
    assert [step["rule"] for step in found["path"]].count("decision") == 1
    ((decided,),) = [{step["first_seen_at"] for step in found["path"] if step["rule"] == "decision"}]
    assert decided.startswith("2030-01-02")
    said = asked(old).stdout
    assert said.startswith(f"{old} is {living} today.")
    assert "was merged into" in said
    assert "she told us" in said


def test_a_value_that_ties_nobody_is_named_where_both_carry_it(built: Built, asked: Any) -> None:
    rows = built.project.rows(
        "select identifier_type, identifier_value, min(record_key), max(record_key)"
        " from identity.int_identity__identifiers as flagged"
        " inner join identity.customer_xref_current as xref using (record_key)"
        " where identifier_status <> 'usable' group by 1, 2"
        " having arg_min(customer_id, record_key) <> arg_max(customer_id, record_key)"
        " order by 1, 2 limit 1"
    )
    ((kind, value, a, b),) = rows
    assert {"identifier_type": kind, "value": value}.items() <= document(asked, a, b)["both_carry"][0].items()
    assert f"Both carry {kind} {value}, which ties nobody" in asked(a, b).stdout


def test_what_is_not_known_is_refused_with_what_was_meant(
    built: Built, asked: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ((key, record_id),) = built.project.rows(
        "select record_key, record_id from identity.int_identity__records where record_source = 'hubspot:contact'"
        " order by 1 limit 1"
    )
    for words, said in (
        (["cus_nobody"], "neither a record nor a customer"),
        ([record_id], f"is it one of {key}"),
        (["a", "b", "c"], "Name one customer or record, or two"),
    ):
        assert run(["identity", "explain", *words]) != 0
        assert said in capsys.readouterr().err


def test_the_files_are_drawn_and_nothing_is_read_from_the_live_warehouse(
    built: Built, asked: Any, tmp_path: Path
) -> None:
    from warehouse.serving import publish

    published = publish()
    assert published is not None
    with DuckDBWarehouse.open(built.project.warehouse):  # somebody builds meanwhile
        began = time.perf_counter()
        result = asked(built.joined[0], "--svg", str(tmp_path / "a.svg"), "--html", str(tmp_path / "a.html"))
        seconds = time.perf_counter() - began
    assert result.exit_code == 0
    assert seconds < 5
    assert "serving copy" in result.stderr
    ElementTree.fromstring((tmp_path / "a.svg").read_text())
    assert "<h2>Golden record</h2>" in (tmp_path / "a.html").read_text()
    refused = CliRunner().invoke(cli, ["identity", "explain", built.joined[0], "--svg", str(tmp_path / "no" / "a.svg")])
    assert refused.exit_code != 0
