"""The ledger's promises, for any records, links, cuts, joins and undoings, in any order.

An id that was issued is one living customer's for good, no two customers had it, a record is one customer's at a time;
the order of rows says nothing, the order of builds nothing about who is whom; without books the ids are those of one
build from nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.dbt import ledger_rules as rules
from tests.dbt.ledger_sql import BOOKS, Decided, Warehouse, compiled
from tests.dbt.project import Project

pytestmark = [pytest.mark.timeout(600)]
# The same stories every time: a red test is red for everybody.
TRIED = settings(max_examples=12, deadline=None, derandomize=True, database=None)

RECORDS = [f"r{number}" for number in range(8)]
VALUES = ["e1", "e2", "e3", "e4", "p1", "p2", "p3"]
UNKNOWN_DAY = 9
EVERYTHING = '{"customers_in_one": 8, "split_customers": 8}'
TAKEN_OVER = {"r6": "r1", "r7": "r5"}
# A customer larger than the others can become: as long as the largest is left alone a build goes by what changed.
LARGEST = {f"s{number}": 1 for number in range(9)}


@dataclass(frozen=True)
class Story:
    """What comes to Braid: records with the day they were created, what they carry, and what is decided."""

    created: Mapping[str, int]
    values: Mapping[str, Sequence[str]]
    decisions: Sequence[Decided]


@dataclass(frozen=True)
class Telling:
    """A way to tell a story: how many of the shuffled records, and of the decisions, each build knows."""

    order: Sequence[str]
    builds: Sequence[tuple[int, int]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    created = {record: draw(st.sampled_from([1, 1, 2, 3, UNKNOWN_DAY])) for record in RECORDS}
    values = {record: draw(st.lists(st.sampled_from(VALUES), max_size=2, unique=True)) for record in RECORDS}
    decisions: list[Decided] = []
    for number in range(draw(st.integers(0, 7))):
        kind = draw(st.sampled_from(["cut", "cut", "join", "undo"]))
        a, b = draw(st.permutations(RECORDS))[:2]
        undoable = [row.decision_id for row in decisions if row.kind != "undo"]
        if kind != "undo":
            decisions.append(Decided(f"d{number}", kind, a, b))
        elif undoable:
            decisions.append(Decided(f"d{number}", kind, undoes=draw(st.sampled_from(undoable))))
    return Story(created, values, decisions)


@st.composite
def tellings(draw: st.DrawFn, story: Story) -> Telling:
    cuts = st.lists(st.integers(0, len(RECORDS)), max_size=4)
    known = [*sorted(draw(cuts)), len(RECORDS)]
    made = sorted(
        draw(st.lists(st.integers(0, len(story.decisions)), min_size=len(known) - 1, max_size=len(known) - 1))
    )
    return Telling(draw(st.permutations(RECORDS)), list(zip(known, [*made, len(story.decisions)], strict=True)))


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The models' SQL, and the columns of the books as dbt makes them."""
    project = Project(tmp_path_factory.mktemp("ledger"))
    project.forget()
    text = compiled(project)
    with duckdb.connect(project.warehouse, read_only=True) as connection:
        books = {
            name: [f"{row[0]} {row[1]}" for row in connection.execute(f"describe identity.{name}").fetchall()]
            for name in BOOKS
        }
    return text, books


Sql = tuple[dict[str, str], dict[str, list[str]]]


@contextmanager
def warehouse(sql: Sql, shuffle: int | None = None, *, everything: bool = False) -> Iterator[Warehouse]:
    opened = Warehouse(*sql, shuffle=shuffle, everything=everything)
    try:
        yield opened
    finally:
        opened.close()


def partition(customers: Mapping[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for record, customer in customers.items():
        groups.setdefault(customer, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def active(decisions: Sequence[Decided], kind: str) -> list[tuple[str, str]]:
    undone = {row.undoes for row in decisions}
    return [
        (row.a, row.b) for row in decisions if row.kind == kind and row.decision_id not in undone and row.a and row.b
    ]


def clusters_by_rule(created: Mapping[str, int], story: Story, decisions: Sequence[Decided]) -> dict[str, str]:
    links = rules.stars({record: story.values[record] for record in created})
    left = rules.decided(created, links, active(decisions, "join"), active(decisions, "cut"))
    return rules.components(created, left)


def holds(store: Warehouse, created: Mapping[str, int], decisions: Sequence[Decided]) -> None:
    """What is true after every build, of records that do not go away."""
    customers, lookup = store.customers(), store.lookup()
    assert set(customers) == set(created)
    assert set(customers.values()) == {living for living in lookup.values() if living is not None}
    assert all(living in set(customers.values()) for living in lookup.values())
    issued = store.rows("select customer_id from identity.customer_ids where change_type in ('minted', 'split')")
    assert max(Counter(issued).values(), default=1) == 1
    assert {row[0] for row in issued} == set(lookup)
    # Whose id it ever was, is whom it leads to: an id follows its anchor, and the anchor's customer has it.
    for name, anchor in store.rows("select customer_id, anchor_record_key from identity.customer_id_lookup"):
        assert lookup[name] == customers[anchor]
        assert name == rules.customer_id(anchor)
    for a, b in active(decisions, "cut"):
        assert a not in customers or b not in customers or customers[a] != customers[b]
    stretches = store.rows(
        "select record_key, valid_from, valid_to from identity.customer_xref order by 1, change_number"
    )
    for (key, _, ended), (following, began, _) in pairwise(stretches):
        assert key != following or (ended is not None and ended == began)


def tell(store: Warehouse, story: Story, telling: Telling) -> rules.Ledger:
    """Build after build; returns what the rules say of the end."""
    ledger = rules.Ledger()
    for day, (known, made) in enumerate(telling.builds, start=20):
        created = {record: story.created[record] for record in telling.order[:known]}
        store.build(day, created, story.values, story.decisions[:made])
        ledger.build(clusters_by_rule(created, story, story.decisions[:made]), created)
        holds(store, created, story.decisions[:made])
        assert store.customers() == ledger.customer
        assert store.lookup() == {name: known_id.living for name, known_id in ledger.ids.items()}
    return ledger


@TRIED
@given(data=st.data())
def test_any_order_and_split_gives_the_same_partition_and_keeps_every_id(sql: Sql, data: st.DataObject) -> None:
    story = data.draw(stories())
    with warehouse(sql) as at_once, warehouse(sql) as in_parts:
        at_once.build(20, story.created, story.values, story.decisions)
        tell(in_parts, story, data.draw(tellings(story)))
        assert partition(in_parts.customers()) == partition(at_once.customers())


@TRIED
@given(data=st.data())
def test_the_order_of_rows_and_a_build_again_change_no_byte(sql: Sql, data: st.DataObject) -> None:
    story = data.draw(stories())
    telling = data.draw(tellings(story))
    with warehouse(sql) as one, warehouse(sql, shuffle=data.draw(st.integers(0, 99))) as other:
        tell(one, story, telling)
        tell(other, story, telling)
        books = [one.book(name) for name in BOOKS]
        assert [other.book(name) for name in BOOKS] == books
        # A full refresh keeps the books and makes all the rest anew.
        last_day = 19 + len(telling.builds)
        other.build(last_day, story.created, story.values, story.decisions)
        assert [other.book(name) for name in BOOKS] == books


@TRIED
@given(data=st.data())
def test_going_by_what_changed_writes_the_books_that_comparing_everything_writes(sql: Sql, data: st.DataObject) -> None:
    story = with_the_largest(data.draw(stories()))
    moved: dict[str, str] = {}
    with warehouse(sql) as by_changes, warehouse(sql, everything=True) as whole:
        most = data.draw(st.sampled_from([1, 8]))
        by_changes.limit("customers_in_one", most)
        whole.limit("customers_in_one", most)
        for day in range(20, 20 + data.draw(st.integers(3, 6))):
            present = data.draw(st.sets(st.sampled_from(RECORDS), min_size=3))
            moved |= {old: new for old, new in TAKEN_OVER.items() if new in present}
            created = {record: story.created[record] for record in present - set(moved)} | LARGEST
            decisions = list(story.decisions[: data.draw(st.integers(0, len(story.decisions)))])
            if data.draw(st.booleans()):
                decisions.append(Decided(f"a{day}", "approve", allows=EVERYTHING))
            for store in (by_changes, whole):
                store.build(day, created, story.values, decisions, moved)
            assert by_changes.customers() == whole.customers()
            for name in ("customer_ids", "customer_xref"):
                assert by_changes.book(name) == whole.book(name)
        # What a build counted of the graph, it counted right, without looking at all of it.
        counted = "select build_number, number_of_customers from identity.identity_builds where largest_records > 0"
        assert set(by_changes.rows(counted)) <= set(whole.rows(counted))


def test_an_id_goes_back_to_its_own_record_and_whoever_it_went_by_gets_another(sql: Sql) -> None:
    values = {"r0": ["e1"], "r1": ["e1", "e2"], "r2": ["e2"], **{record: ["largest"] for record in LARGEST}}
    with warehouse(sql) as store:
        ledger = rules.Ledger()
        for day, present in enumerate([("r0", "r1", "r2"), ("r2",), ("r0", "r2")], start=20):
            created = dict.fromkeys(present, 1) | LARGEST
            store.build(day, created, values)
            ledger.build(rules.components(created, rules.stars({key: values[key] for key in created})), created)
            assert store.customers() == ledger.customer
            assert store.lookup() == {name: known.living for name, known in ledger.ids.items()}
            assert (store.compared is not None) == (day > 20)
        assert store.customers()["r0"] == rules.customer_id("r0") != store.customers()["r2"]


def test_the_ledger_run_again_for_the_same_build_adds_nothing(sql: Sql) -> None:
    values = {"r0": ["e1"], "r1": ["e1"], "r2": ["e2"], "r3": [], **{record: ["largest"] for record in LARGEST}}
    with warehouse(sql) as store:
        for day, present in enumerate([("r0",), ("r0", "r2"), ("r1", "r2", "r3"), ("r0", "r3")], start=20):
            created = dict.fromkeys(present, 1) | LARGEST
            store.build(day, created, values)
            assert (store.compared is not None) == (day > 20)
            written = store.book("customer_ids")
            store.change_ids()
            assert store.book("customer_ids") == written
            holds_ids = store.rows("select customer_id from identity.customer_ids where change_type = 'minted'")
            assert max(Counter(holds_ids).values()) == 1


@TRIED
@given(data=st.data())
def test_without_books_the_ids_are_those_of_one_build_from_nothing(sql: Sql, data: st.DataObject) -> None:
    story = data.draw(stories())
    with warehouse(sql) as old, warehouse(sql) as new:
        tell(old, story, data.draw(tellings(story)))
        old.lose_books()
        old.build(20, story.created, story.values, story.decisions)
        new.build(20, story.created, story.values, story.decisions)
        assert [old.book(name) for name in BOOKS] == [new.book(name) for name in BOOKS]
        for customer, group in [(old.customers()[min(group)], group) for group in partition(old.customers())]:
            assert customer == rules.customer_id(min(group, key=lambda record: (story.created[record], record)))


@TRIED
@given(data=st.data())
def test_records_that_go_come_back_or_are_taken_over(sql: Sql, data: st.DataObject) -> None:
    come_and_go(sql, data)


def with_the_largest(story: Story) -> Story:
    return replace(story, values={**story.values, **{record: ["largest"] for record in LARGEST}})


def come_and_go(sql: Sql, data: st.DataObject) -> None:
    story = with_the_largest(data.draw(stories()))
    ledger = rules.Ledger()
    moved: dict[str, str] = {}
    with warehouse(sql) as store:
        for day in range(20, 20 + data.draw(st.integers(2, 5))):
            present = data.draw(st.sets(st.sampled_from(RECORDS)))
            # Once the newer record is there, the older key never is again, and decisions mean the newer one.
            moved |= {old: new for old, new in TAKEN_OVER.items() if new in present}
            created = {record: story.created[record] for record in present - set(moved)} | LARGEST
            store.build(day, created, story.values, story.decisions, moved)
            meant = [replace(row, a=moved.get(row.a, row.a), b=moved.get(row.b, row.b)) for row in story.decisions]
            ledger.build(clusters_by_rule(created, story, meant), created, moved)
            assert store.customers() == ledger.customer
            assert store.lookup() == {name: known.living for name, known in ledger.ids.items()}
            assert set(ledger.customer.values()) == {known.living for known in ledger.ids.values()} - {None}


@TRIED
@given(data=st.data())
def test_a_held_graph_changes_nothing_and_an_approval_can_be_taken_back(sql: Sql, data: st.DataObject) -> None:
    story = data.draw(stories())
    decisions: list[Decided] = []
    known: dict[str, int] = {}
    with warehouse(sql) as store:
        store.limit("customers_in_one", 1)
        store.limit("split_customers", 1)
        for day in range(20, 20 + data.draw(st.integers(3, 6))):
            known |= {record: story.created[record] for record in data.draw(st.sets(st.sampled_from(RECORDS)))}
            decisions += [row for row in story.decisions if row.kind == "cut" and row not in decisions][:1]
            before, was_held = store.customers(), store.is_held() if day > 20 else False
            spoken = data.draw(st.sampled_from(["approve", "undo", "nothing"])) if day > 20 else "nothing"
            undone = {row.undoes for row in decisions}
            approved = [row for row in decisions if row.kind == "approve" and row.decision_id not in undone]
            if spoken == "approve" and was_held:
                decisions.append(Decided(f"a{day}", "approve", allows=EVERYTHING))
            elif spoken == "undo" and approved:
                decisions.append(Decided(f"u{day}", "undo", undoes=approved[-1].decision_id))
            taken_back = store.rows("select count(*) from identity.identity_builds where restored_number is not null")
            store.build(day, known, story.values, decisions)
            customers = store.customers()
            if not store.is_held():
                assert partition(customers) == partition(store.candidate())
            elif taken_back == store.rows(
                "select count(*) from identity.identity_builds where restored_number is not null"
            ):
                assert customers == before
            issued = Counter(
                store.rows("select customer_id from identity.customer_ids where change_type in ('minted', 'split')")
            )
            assert max(issued.values(), default=1) == 1
            assert {name for (name,) in issued} == set(store.lookup())
            assert set(customers.values()) == set(store.lookup().values())


@TRIED
@given(data=st.data())
def test_undoing_an_approval_brings_back_every_record_and_id(sql: Sql, data: st.DataObject) -> None:
    story = data.draw(stories())
    old = data.draw(st.sets(st.sampled_from(RECORDS), min_size=4))
    values = {record: [record] for record in RECORDS}
    if {"r0", "r1"} <= old:
        values["r0"] = ["r0", "r1"]
    with warehouse(sql) as store:
        store.limit("customers_in_one", 1)
        before = {record: story.created[record] for record in old}
        store.build(20, before, values)
        alone = store.customers()
        store.build(21, before, {record: ["one"] for record in RECORDS})
        assert store.is_held()
        assert store.customers() == alone
        approval = Decided("a", "approve", allows=EVERYTHING)
        store.build(22, story.created, {record: ["one"] for record in RECORDS}, [approval])
        assert len(set(store.customers().values())) == 1
        assert set(store.lookup().values()) == set(store.customers().values())
        taken_back = [approval, Decided("u", "undo", undoes="a")]
        store.build(23, story.created, {record: ["one"] for record in RECORDS}, taken_back)
        assert store.is_held()
        assert {record: store.customers()[record] for record in old} == alone
        assert set(store.customers()) == set(RECORDS)
        causes = store.rows("select distinct cause, decision_id from identity.customer_ids where change_number = 3")
        assert causes == [("decision", "u")]
        # It stays so, and is over when the graph is right again.
        store.build(24, story.created, {record: ["one"] for record in RECORDS}, taken_back)
        assert {record: store.customers()[record] for record in old} == alone
        store.build(25, story.created, values, taken_back)
        assert not store.is_held()
        assert {record: store.customers()[record] for record in old} == alone


# Rules of the ledger and of cuts, each with a mistake that reads well.
MISTAKES = [
    ("customer_ids", "issued_number asc,", "issued_number desc,"),
    ("customer_ids", "when own_clusters.record_key is not null then ledger.own_record_key", ""),
    ("customer_ids", "min(unclaimed.record_key)", "max(unclaimed.record_key)"),
    ("customer_ids", "min(created_at) as created_at", "max(created_at) as created_at"),
    ("customer_ids", "change_number * 10 -", "-10 * change_number -"),
    ("customer_ids", "first_customer_id is distinct from homes.living_customer_id", "first_customer_id is null"),
    ("customer_ids", "moved_records.successor_key = clusters", "moved_records.record_key = clusters"),
    ("customer_xref", "today.customer_id is distinct from open_rows.customer_id", "today.customer_id is null"),
    ("customer_ids by changes", "touched_keys.record_key from touched_keys", "'nobody'"),
    ("int_identity__changed_records by changes", "where members.record_key is null", "where false"),
    ("int_identity__cut_links", "min(reached.side) as side", "max(reached.side) as side"),
    ("int_identity__cut_links", "cuts.key_b = apart.one_key", "cuts.key_b = apart.other_key"),
    ("int_identity__joins", "and is_active", ""),
    ("int_identity__decided_links", "where cut_links.record_key_a is null", ""),
]  # fmt: skip


@pytest.mark.parametrize(("model", "said", "instead"), MISTAKES, ids=[f"{row[0]}: {row[1]}" for row in MISTAKES])
def test_a_mistake_in_a_rule_is_noticed(sql: Sql, model: str, said: str, instead: str) -> None:
    models, books = sql
    assert said in models[model]
    # A model that is compiled in two ways has the mistake in both.
    ways = (model, f"{model} by changes")
    wrong = {name: text.replace(said, instead) if name in ways else text for name, text in models.items()}

    @settings(TRIED, max_examples=200, phases=[Phase.generate], report_multiple_bugs=False)
    @given(data=st.data())
    def told(data: st.DataObject) -> None:
        with warehouse((wrong, books)) as store:
            story = data.draw(stories())
            tell(store, story, data.draw(tellings(story)))
        come_and_go((wrong, books), data)

    with pytest.raises((AssertionError, duckdb.Error)):
        told()
