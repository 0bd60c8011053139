"""The ledger's promises, for any records, links, cuts, joins and undoings, in any order.

An id that was issued is one living customer's for good, no two customers had it, a record is one customer's at a time;
the order of rows says nothing, the order of builds nothing about who is whom; without books the ids are those of one
build from nothing.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt import ledger_rules as rules
from tests.dbt.ledger_by_hand import BY_HAND
from tests.dbt.ledger_inputs import BOOKS
from tests.dbt.ledger_rules import Decided
from tests.dbt.ledger_sql import Models, warehouse
from tests.dbt.ledger_stories import CREATED, RECORDS, WORLDS, Build, Story, Worlds, worlds
from tests.dbt.ledger_told import issued_once, partition, tell

pytestmark = [pytest.mark.timeout(600)]
# The same stories every time: a red test is red for everybody. An example is a dozen stories.
TRIED = settings(
    max_examples=4, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
EVERYTHING = '{"customers_in_one": 100, "split_customers": 100}'
TAKEN_BACK = "select count(*) from identity.identity_builds where restored_number is not null"


@pytest.mark.parametrize("everything", [False, True], ids=["by changes", "everything"])
def test_stories_made_by_hand(models: Models, everything: bool) -> None:
    with warehouse(models, everything=everything) as store:
        tell(Worlds(list(BY_HAND.values())), store)


@TRIED
@given(told=worlds())
def test_any_order_and_split_gives_the_same_partition_and_keeps_every_id(models: Models, told: Worlds) -> None:
    with warehouse(models) as at_once, warehouse(models) as in_parts:
        tell(told.endings(), at_once)
        tell(told, in_parts)
        assert partition(in_parts.customers()) == partition(at_once.customers())


@TRIED
@given(told=st.one_of(worlds(), worlds(come_and_go=True)), shuffle=st.integers(0, 99))
def test_the_order_of_rows_and_a_build_again_change_no_byte(models: Models, told: Worlds, shuffle: int) -> None:
    everything = bool(shuffle % 2)
    with (
        warehouse(models, everything=everything) as one,
        warehouse(models, shuffle=shuffle, everything=everything) as other,
    ):
        last = tell(told, one, other)
        books = [one.book(name) for name in BOOKS]
        assert [other.book(name) for name in BOOKS] == books
        # A full refresh keeps the books and makes all the rest anew.
        other.build(last)
        assert [other.book(name) for name in BOOKS] == books


@TRIED
@given(told=worlds(come_and_go=True), most=st.sampled_from([1, 100]), approved=st.sets(st.integers(20, 24)))
def test_going_by_what_changed_writes_the_books_that_comparing_everything_writes(
    models: Models, told: Worlds, most: int, approved: set[int]
) -> None:
    with warehouse(models) as by_changes, warehouse(models, everything=True) as whole:
        by_changes.limit("customers_in_one", most)
        whole.limit("customers_in_one", most)
        for seen in told.builds():
            approvals = [Decided(f"a{day}", "approve", allows=EVERYTHING) for day in approved if day <= seen.day]
            for store in (by_changes, whole):
                store.build(seen.with_decisions(approvals))
            assert by_changes.customers() == whole.customers()
            for name in ("customer_ids", "customer_xref"):
                assert by_changes.book(name) == whole.book(name)
        # What a build counted of the graph, it counted right, without looking at all of it.
        counted = "select build_number, number_of_customers from identity.identity_builds where largest_records > 0"
        assert set(by_changes.rows(counted)) <= set(whole.rows(counted))


def test_an_id_goes_back_to_its_own_record_and_whoever_it_went_by_gets_another(models: Models) -> None:
    with warehouse(models) as store:
        tell(Worlds([BY_HAND["who stood in, and then the record itself"]]), store)
        assert store.customers()["r0.0"] == rules.customer_id("r0.0") != store.customers()["r2.0"]


def test_the_ledger_run_again_for_the_same_build_adds_nothing(models: Models) -> None:
    with warehouse(models) as store:
        for seen in Worlds(list(BY_HAND.values())).builds():
            store.build(seen)
            assert (store.compared is not None) == (seen.day > 20)
            written = store.book("customer_ids")
            store.change_ids()
            assert store.book("customer_ids") == written
            issued_once(store)


@TRIED
@given(told=worlds())
def test_without_books_the_ids_are_those_of_one_build_from_nothing(models: Models, told: Worlds) -> None:
    with warehouse(models) as old, warehouse(models) as new:
        last = tell(told, old)
        old.lose_books()
        old.build(last)
        new.build(last)
        assert [old.book(name) for name in BOOKS] == [new.book(name) for name in BOOKS]
        for group in partition(old.customers()):
            anchor = min(group, key=lambda record: (last.created[record], record))
            assert old.customers()[anchor] == rules.customer_id(anchor)


@TRIED
@given(told=worlds(8, come_and_go=True), everything=st.booleans())
def test_records_that_go_come_back_or_are_taken_over(models: Models, told: Worlds, everything: bool) -> None:
    with warehouse(models, everything=everything) as store:
        tell(told, store)


@TRIED
@given(told=worlds(10, number=1), spoken=st.lists(st.sampled_from(["approve", "undo", "nothing"]), min_size=10))
def test_a_held_graph_changes_nothing_and_an_approval_can_be_taken_back(
    models: Models, told: Worlds, spoken: list[str]
) -> None:
    by_hand: list[Decided] = []
    with warehouse(models) as store:
        store.limit("customers_in_one", 1)
        store.limit("split_customers", 1)
        for seen, word in zip(told.builds(), spoken, strict=False):
            before, was_held = store.customers(), store.is_held() if seen.day > 20 else False
            undone = {row.undoes for row in by_hand}
            approved = [row for row in by_hand if row.kind == "approve" and row.decision_id not in undone]
            if word == "approve" and was_held:
                by_hand.append(Decided(f"a{seen.day}", "approve", allows=EVERYTHING))
            elif word == "undo" and approved:
                by_hand.append(Decided(f"u{seen.day}", "undo", undoes=approved[-1].decision_id))
            taken_back = store.rows(TAKEN_BACK)
            store.build(seen.with_decisions(by_hand))
            customers = store.customers()
            if not store.is_held():
                assert partition(customers) == partition(store.candidate())
            elif taken_back == store.rows(TAKEN_BACK):
                assert customers == before
            issued_once(store)
            assert set(customers.values()) == set(store.lookup().values())


@st.composite
def thrown_together(draw: st.DrawFn) -> Story:
    """Records of which some were there, each somebody or two of them one; then everybody shares a value."""
    old = draw(st.sets(st.sampled_from(RECORDS), min_size=4))
    values = {record: [record] for record in RECORDS}
    if {"r0", "r1"} <= old:
        values["r0"] = ["r0", "r1"]
    one = {record: ["one"] for record in RECORDS}
    told = [{record: values[record] for record in old}, {record: one[record] for record in old}, one, one, one, values]
    created = {record: draw(st.sampled_from(CREATED)) for record in RECORDS}
    return Story(created, [], [Build(each, 0) for each in told])


@TRIED
@given(told=st.lists(thrown_together(), min_size=WORLDS, max_size=WORLDS).map(Worlds))
def test_undoing_an_approval_brings_back_every_record_and_id(models: Models, told: Worlds) -> None:
    approval, undo = Decided("a", "approve", allows=EVERYTHING), Decided("u", "undo", undoes="a")
    with warehouse(models) as store:
        store.limit("customers_in_one", 1)
        before, held, approved, taken_back, still, right_again = told.builds()
        store.build(before)
        alone = store.customers()
        store.build(held)
        assert store.is_held()
        assert store.customers() == alone
        store.build(approved.with_decisions([approval]))
        assert partition(store.customers()) == partition(approved.clusters)
        assert set(store.lookup().values()) == set(store.customers().values())
        store.build(taken_back.with_decisions([approval, undo]))
        assert store.is_held()
        assert {record: store.customers()[record] for record in alone} == alone
        assert set(store.customers()) == set(taken_back.created)
        causes = store.rows("select distinct cause, decision_id from identity.customer_ids where change_number = 3")
        assert causes == [("decision", "u")]
        # It stays so, and is over when the graph is right again.
        store.build(still.with_decisions([approval, undo]))
        assert {record: store.customers()[record] for record in alone} == alone
        store.build(right_again.with_decisions([approval, undo]))
        assert not store.is_held()
        assert {record: store.customers()[record] for record in alone} == alone
