"""The whole project, built: on nothing, on part of the systems, on the sandbox company, twice, and a day later."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from contracts import owners
from orchestration.lib.lineage import Column, Lineage, sources
from sandbox.company import Company
from sandbox.score import score
from tests.dbt.load_company import load
from tests.dbt.project import Project

pytestmark = [pytest.mark.timeout(600)]

PER_COMPARISON = re.compile(r"(level|weight|household_weight|shared|frequency)_[a-z_]+$")
XREF = "select record_key, customer_id from identity.customer_xref_current order by record_key"


def test_an_empty_warehouse_builds_and_builds_again(project: Project) -> None:
    project.run("build")
    tables = project.rows("select table_schema || '.' || table_name from information_schema.tables")
    assert ("raw_salesforce.contact",) in tables
    assert ("ops.extract_windows",) in tables
    assert project.rows("select count(*) from marts.customer_360") == [(0,)]
    said = [one["unique_id"] for one in project.artifact("run_results.json")["results"]]
    kept = project.rows("select node_id, is_whole from ops.dbt_results")
    assert sorted(kept) == sorted(
        (one, True) for one in said if one.startswith(("model.", "seed.", "snapshot.", "test."))
    )
    assert project.rows("select count(*) from staging.ops_load_verdicts where verdict not in ('usual', 'unknown')") == [
        (0,)
    ]
    # Every model is compiled now: a column is followed to the systems it comes from.
    begins = sources(list(Lineage(project.folder / "target", "duckdb").steps(Column("fct_orders", "amount"))))
    assert {"raw_files.orders.amount", "raw_sql.orders.amount", "raw_events.events.properties"} <= set(map(str, begins))
    project.run("build", "--exclude-resource-type", "unit_test")
    assert project.rows("select count(*), count(distinct invoked_at) from ops.dbt_results where is_whole") == [
        (2 * len(kept), 2)
    ]


def test_what_lands_is_left_alone_and_what_is_missing_is_added(project: Project) -> None:
    # An org without our custom field, with one of its own, and with a type that differs from the declared one.
    project.execute("create schema raw_salesforce")
    project.execute(
        "create table raw_salesforce.contact as select '003A' as id, 'Ada' as first_name, 7::smallint as shoe_size__c,"
        " 'ada@x.example' as email, false as _is_deleted"
    )
    project.run("run", "--select", "stg_salesforce__contacts")
    columns = dict(
        project.rows("select column_name, data_type from information_schema.columns where table_name = 'contact'")
    )
    assert columns["shoe_size__c"] == "SMALLINT"
    assert columns["web_user_id__c"] == "VARCHAR"
    assert project.rows("select record_key, first_name, user_id from staging.stg_salesforce__contacts") == [
        ("salesforce:contact:003A", "Ada", None)
    ]


def test_a_run_with_nothing_missing_changes_no_table(project: Project) -> None:
    project.run("run", "--select", "stg_hubspot__owners")
    log = project.folder / "logs" / "dbt.log"
    log.unlink()
    project.run("run", "--select", "stg_hubspot__owners")
    said = log.read_text().lower()
    assert "create or replace view" in said or "create view" in said
    assert "create table" not in said
    assert "alter table" not in said
    assert '"raw_' not in "".join(line for line in said.splitlines() if "create schema" in line)


def test_the_company_is_put_together_and_stays_together(project: Project) -> None:
    company = Company(seed=1, people=2_000)
    load(company.tables, project.warehouse, company.clock)
    project.run("build", timeout=400)
    manifest, documented, differing = project.artifact("manifest.json"), 0, {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        columns = project.rows(
            "select column_name from information_schema.columns"
            f" where table_schema = '{node['schema']}' and table_name = '{node['name']}'"
        )
        stored = {name for (name,) in columns}
        if node["name"] in ("int_identity__compared_pairs", "int_identity__scored_pairs"):
            # As many more as contracts/matching.yml has comparisons; the model's description says which.
            stored = {name for name in stored if name in node["columns"] or not PER_COMPARISON.match(name)}
        if differs := set(node["columns"]) ^ stored:
            differing[node["name"]] = sorted(differs)
        assert node["description"], node["name"]
        assert all(column["description"] for column in node["columns"].values()), node["name"]
        documented += 1
    assert not differing, "models document other columns than they have"
    assert documented > 40

    # The last visit of a deal, of either system, is to the stage it is in; none of the company's stages is unknown.
    last = project.rows(
        "select deals.source_system, count(*), count(*) filter (where visits.stage = deals.stage"
        " and visits.source_stage = deals.source_stage and deals.stage <> 'unmapped')"
        " from marts.fct_opportunities as deals inner join marts.fct_opportunity_stage_changes as visits"
        " on deals.opportunity_key = visits.opportunity_key and visits.is_current group by 1 order by 1"
    )
    assert [system for system, *_ in last] == ["hubspot", "salesforce"]
    assert all(deals == same > 50 for _, deals, same in last)

    columns = "date_day, iso_year, iso_week, day_of_week, day_of_year, month_starts_on"
    days = project.rows(f"select {columns} from marts.dim_dates order by 1")
    assert len(days) == (days[-1][0] - days[0][0]).days + 1 > 10_000
    for day, *parts in days:
        assert parts == [*day.isocalendar(), day.timetuple().tm_yday, day.replace(day=1)], day

    before = dict(project.rows(XREF))
    assert set(before) >= set(company.tables["truth.records"]["record_key"].to_pylist())
    project.run("build", timeout=400)
    assert dict(project.rows(XREF)) == before

    # A day later: who is not touched keeps the id, who is deleted leaves the golden record, versions are kept.
    company.advance()
    load(company.tables, project.warehouse, company.clock + timedelta(hours=1))
    ((alone, record_id),) = project.rows(
        "select min(customer_id), min(record_key) from identity.customer_xref_current group by customer_id"
        " having count(*) = 1 and min(record_key) like 'salesforce:contact:%' order by 2 limit 1"
    )
    project.execute(
        "update raw_salesforce.contact set is_deleted = true, _is_deleted = true"
        f" where id = '{record_id.removeprefix('salesforce:contact:')}'"
    )
    project.run("build", timeout=400)
    after = dict(project.rows(XREF))
    kept = [key for key in before if key in after]
    assert sum(before[key] == after[key] for key in kept) > 0.97 * len(kept)
    living = dict(project.rows("select customer_id, living_customer_id from identity.customer_id_lookup"))
    moved = {key for key in kept if living[before[key]] != after[key]}
    split = dict(
        project.rows("select customer_id, other_customer_id from identity.customer_ids where change_type = 'split'")
    )
    assert all(split[after[key]] == before[key] for key in moved)
    assert after[record_id] == alone
    master = f"select has_live_record, email, given_name from identity.customer_master where customer_id = '{alone}'"
    assert project.rows(master) == [(False, None, None)]
    versions = project.rows("select count(*), count(dbt_valid_to) from snapshots.snap_salesforce__opportunities")[0]
    assert versions[1] > 0


def test_property_history_is_of_three_objects_and_ends_in_the_present(project: Project) -> None:
    company = Company(seed=2, people=200, day=4)
    load(company.tables, project.warehouse, company.clock)
    chosen = ("--select", "stg_hubspot__property_history", "stg_hubspot__deals")
    project.run("build", *chosen)
    rows = dict(project.rows("select object_type, count(*) from staging.stg_hubspot__property_history group by 1"))
    assert rows == {
        name: company.tables[f"hubspot.{name}_history"].num_rows for name in ("contacts", "companies", "deals")
    }
    last = """
        select deals.deal_id, deals.stage_id, history.property_value
        from staging.stg_hubspot__deals as deals
        left join (
            select record_id, max_by(property_value, changed_at) as property_value
            from staging.stg_hubspot__property_history
            where object_type = 'deals' and property_name = 'dealstage'
            group by 1
        ) as history on deals.deal_id = history.record_id
    """
    stages = project.rows(last)
    assert len(stages) == company.tables["hubspot.deals"].num_rows
    assert all(stage == value for _, stage, value in stages)

    project.execute("insert into raw_hubspot.deals_history select * from raw_hubspot.deals_history limit 1")
    with pytest.raises(AssertionError, match="unique_combination_stg_hubspot__property_history"):
        project.run("build", *chosen)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_deterministic_links_are_precise_and_find_most(project: Project, seed: int) -> None:
    company = Company(seed=seed, people=2_000)
    load(company.tables, project.warehouse, company.clock)
    project.run("build", "--resource-type", "seed", "--resource-type", "model", "--select", "+customer_xref")
    with duckdb.connect(project.warehouse, read_only=True) as connection:
        clusters = connection.sql("select record_key, customer_id as cluster_id from identity.customer_xref")
        clusters = clusters.to_arrow_table()
    found = score(company.tables["truth.records"], clusters, company.tables["truth.people"])
    assert found.precision >= 0.99
    assert found.recall >= 0.85
    assert all(kind.precision >= 0.98 for kind in found.by_noise.values())


def is_singular(node: dict[str, Any]) -> bool:
    return node["resource_type"] == "test" and "test_metadata" not in node


def test_marts_are_owned_contracted_and_tested(project: Project) -> None:
    project.run("parse")
    manifest = project.artifact("manifest.json")
    domains = {domain: owner.name for owner in owners.read() for domain in owner.domains}
    nodes = manifest["nodes"].values()
    marts = [n for n in nodes if n["resource_type"] == "model" and n["fqn"][1] == "marts" and "int_" not in n["name"]]
    tested = {test.get("attached_node") for test in nodes if test["resource_type"] == "test"}
    unit_tested = {test["model"] for test in manifest["unit_tests"].values()}
    assert {mart["name"] for mart in marts} >= {
        "dim_dates", "dim_customers", "dim_accounts", "dim_users", "dim_campaigns", "dim_products",
        "fct_opportunities", "fct_opportunity_stage_changes", "fct_orders", "fct_order_lines",
        "fct_campaign_members", "fct_touches", "customer_360",
    }  # fmt: skip
    for mart in marts:
        meta = mart["config"]["meta"]
        assert domains[meta["domain"]] == meta["owner"], mart["name"]
        assert mart["fqn"][2] == meta["domain"], mart["name"]
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert mart["unique_id"] in tested, mart["name"]
        assert mart["name"] in unit_tested, mart["name"]
    for node in nodes:
        if node["resource_type"] in ("model", "seed", "snapshot") or is_singular(node):
            # Views of planned events are their events' owners', whatever the domain of staging.
            assert node["config"]["meta"]["domain"] in domains, node["name"]
            assert node["config"]["meta"]["owner"] in domains.values(), node["name"]
            if "marts" in node["fqn"]:
                assert domains[node["fqn"][2]] == node["config"]["meta"]["owner"], node["name"]
        if is_singular(node):
            # Said in the file, not left to dbt's default.
            assert "severity" in node["unrendered_config"], node["name"]
            assert node["config"]["severity"].lower() in ("error", "warn"), node["name"]
            assert node["raw_code"].startswith("-- Harm: "), node["name"]
    for model in unit_tested:
        for test in manifest["unit_tests"].values():
            if test["model"] == model:
                assert test["name"].startswith(f"{model}__"), test["name"]
