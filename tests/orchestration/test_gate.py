"""The gate that a new graph must pass: held, shown, let through, taken back; by `braid` and in Dagster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.defs.dbt.assets import dbt_build
from orchestration.lib import gate
from tests.orchestration.shop import BUILD, PEOPLE, SHARED, Shop

pytestmark = pytest.mark.timeout(560)

GATE = "assert_the_gate_lets_the_graph_through"
Braid = Callable[..., tuple[int, str, str]]


def test_a_giant_waits_is_named_let_through_and_taken_back(shop: Shop, braid: Braid) -> None:
    before, books = shop.customers(), shop.books()
    assert len(set(before.values())) == PEOPLE
    assert braid("identity", "approve", "--why", "in advance")[0] == 1
    assert json.loads(braid("status", "--json")[1])["identity"] == {"is_held": False}
    assert "identity" not in braid("status")[1]

    # The value is no longer blocked, and the day has its facts: an order of a known person, and one of a new one.
    shop.block(False)
    shop.execute(
        shop.extraction("2026-02-02 02:00"),
        shop.order("o2", 3),
        shop.person("shop", 99, "new@engines.example"),
        shop.order("o3", 99),
    )
    code, out, err = braid(*BUILD)
    assert code == 1
    assert "changes more than the gate allows (customers_in_one 15, limit 6), so" in err.splitlines()[-1]
    assert "assert_the_gate_lets_the_graph_through" in out
    assert shop.books() == books
    orders = shop.rows("select order_id, customer_id from marts.fct_orders order by 1", shop.copy)
    known = before["files:person:shop/3"]
    assert orders == [("o1", known), ("o2", known), ("o3", None)]
    served = shop.rows(f"select number_of_orders from marts.customer_360 where customer_id = '{known}'", shop.copy)
    assert served == [(2,)]

    shown = json.loads(braid("identity", "diff", "--json")[1])
    assert shown["is_held"]
    assert [one["measure"] for one in shown["measures"] if one["is_over"]] == ["customers_in_one"]
    first = shown["changes"][0]
    assert (first["change_type"], first["number_of_customers"], first["records_after"]) == ("merged", PEOPLE, 30)
    assert (first["identifier_type"], first["identifier_value"], first["is_over"]) == ("email", SHARED, True)
    code, out, err = braid("identity", "diff", "--limit", "1")
    assert code == 0
    assert f"email {SHARED}" in out
    assert "more changes: see --limit" in err
    assert "braid identity approve" in err

    # Whoever looks how things are is told; since when does not move with the builds that are held.
    document = json.loads(braid("status", "--json")[1])["identity"]
    assert (document["is_held"], document["since"]) == (True, "2026-02-01T02:00:00")
    assert [one["measure"] for one in document["over"]] == ["customers_in_one"]
    told = (
        "identity: the gate holds the graph since 2026-02-01 02:00, customers are those of then: customers_in_one 15, "
        "limit 6; see `braid identity diff`, then correct it or `braid identity approve`."
    )
    assert told in braid("status")[1].splitlines()

    # A second build of the same is held the same.
    assert braid(*BUILD)[0] == 1
    assert shop.books() == books
    assert told in braid("status")[1].splitlines()

    assert braid("identity", "approve")[0] == 2
    code, out, _ = braid("identity", "approve", "--why", "one family, one mailbox", "--by", "ada")
    assert code == 0
    approval = out.split()[0]
    assert f"approved already, by {approval}" in braid("identity", "approve", "--why", "again")[2]
    assert f"Approved by {approval}" in braid("identity", "diff")[2]
    assert braid(*BUILD)[0] == 0
    assert "identity" not in braid("status")[1]
    assert len({customer for record, customer in shop.customers().items() if "/99" not in record}) == 1
    living = shop.rows(
        "select distinct living_customer_id from identity.customer_id_lookup where anchor_record_key not like '%/99'"
    )
    assert len(living) == 1
    newcomer = shop.customers()["files:person:shop/99"]
    assert shop.rows("select approval_id from identity.identity_builds order by build_number desc limit 1") == [
        (approval,)
    ]
    assert "Nothing waits for approval" in braid("identity", "approve", "--why", "again")[2]
    # What was approved once is not approved for good.
    assert braid(*BUILD)[0] == 0

    assert braid("identity", "undo", approval, "--why", "no family at all")[0] == 0
    assert braid(*BUILD)[0] == 1
    assert shop.customers() == {**before, "files:person:shop/99": newcomer}
    assert shop.rows("select count(*) from identity.customer_id_lookup where not is_living") == [(0,)]
    orders = shop.rows("select order_id, customer_id from marts.fct_orders order by 1", shop.copy)
    assert orders == [("o1", known), ("o2", known), ("o3", newcomer)]
    listed = json.loads(braid("identity", "decisions", "--all", "--json")[1])["decisions"]
    assert [(row["kind"], row["decided_by"] == "ada", row["is_active"]) for row in listed] == [
        ("approve", True, False),
        ("undo", False, False),
    ]

    shop.block(True)
    assert braid(*BUILD)[0] == 0
    assert shop.customers() == {**before, "files:person:shop/99": newcomer}


def test_a_failure_beside_the_gate_keeps_the_copy_of_the_last_green_build(shop: Shop, braid: Braid) -> None:
    shop.block(False)
    # Two rows of one order line: a test of the mart is red too.
    shop.execute("insert into raw_hubspot.owners (id) values ('1'), ('1')")
    published = shop.copy.stat().st_mtime_ns
    code, _, err = braid(*BUILD)
    assert code == 1
    assert "the serving copy is still that of the last green build" in err.splitlines()[-1]
    assert shop.copy.stat().st_mtime_ns == published


@pytest.mark.parametrize(
    ("results", "alone"),
    [
        ({"assert_the_gate_lets_the_graph_through": "fail", "not_null": "pass"}, True),
        ({"assert_the_gate_lets_the_graph_through": "fail", "fct_orders": "skipped"}, False),
        ({"assert_the_gate_lets_the_graph_through": "fail", "not_null": "fail"}, False),
        ({"assert_the_gate_lets_the_graph_through": "pass", "not_null": "warn"}, False),
        ({"not_null": "fail"}, False),
    ],
    ids=["held", "held and skipped", "held and red", "green", "red"],
)
def test_only_a_build_that_nothing_but_the_gate_stopped_is_published(
    tmp_path: Path, results: dict[str, str], alone: bool
) -> None:
    report = tmp_path / "run_results.json"
    assert not gate.alone_failed(report)
    rows = [{"unique_id": f"test.braid.{name}", "status": status} for name, status in results.items()]
    report.write_text(json.dumps({"results": rows}))
    assert gate.alone_failed(report) is alone


def test_in_dagster_the_run_is_red_with_the_remedy_and_its_marts_are_built(shop: Shop) -> None:
    before, books = shop.customers(), shop.books()
    shop.block(False)
    shop.execute(shop.order("o2", 3), shop.person("shop", 99, "new@engines.example"), shop.order("o3", 99))
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        result = defs.resolve_job_def("nightly").execute_in_process(
            instance=instance, asset_selection=[*dbt_build.keys], raise_on_error=False
        )
        assert not result.success
        (failure,) = result.get_step_failure_events()
        said = failure.step_failure_data.user_failure_data
        assert said is not None
        assert str(said.description).startswith("Held: the new identity graph changes more than the gate allows")
        for words in ("customers_in_one 15, limit 6", "`braid identity diff`", "`braid identity approve`"):
            assert words in str(said.description)
        # Nobody has to read a traceback, and no retry would help.
        assert not said.metadata
        assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]

        red = [check for check in result.get_asset_check_evaluations() if not check.passed]
        assert [
            (check.asset_key, check.check_name) for check in red if check.severity == dg.AssetCheckSeverity.ERROR
        ] == [(dg.AssetKey(["identity", "identity_diff"]), GATE)]
        made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == set(dbt_build.keys)

    assert shop.books() == books
    known = before["files:person:shop/3"]
    orders = shop.rows("select order_id, customer_id from marts.fct_orders order by 1", shop.copy)
    assert orders == [("o1", known), ("o2", known), ("o3", None)]
    served = shop.rows(f"select number_of_orders from marts.customer_360 where customer_id = '{known}'", shop.copy)
    assert served == [(2,)]
