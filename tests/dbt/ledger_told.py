"""Stories told to warehouses, and what must be true of each after every build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from tests.dbt import ledger_rules as rules
from tests.dbt.ledger_sql import Warehouse
from tests.dbt.ledger_stories import Seen, Worlds, active

GAPS = """
select one.record_key from identity.customer_xref as one
anti join identity.customer_xref as next on one.record_key = next.record_key and one.valid_to = next.valid_from
where one.valid_to is not null
"""


def partition(customers: Mapping[str, str]) -> set[frozenset[str]]:
    """Who is together, whatever they are called."""
    groups: dict[str, set[str]] = {}
    for record, customer in customers.items():
        groups.setdefault(customer, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def tell(told: Worlds, *stores: Warehouse) -> Seen:
    """Build after build in each warehouse, held against the rules; returns what the last build saw."""
    records: set[str] = set()
    stay = True
    for seen in told.builds():
        stay = stay and records <= set(seen.created)
        records = set(seen.created)
        for store in stores:
            store.build(seen)
            assert (store.compared is not None) == (seen.day > 20 and not store.everything)
            customers, lookup = store.customers(), store.lookup()
            assert customers == told.customers(), different(customers, told.customers())
            assert lookup == told.lookup(), different(lookup, told.lookup())
            assert set(customers.values()) == set(lookup.values()) - {None}
            issued_once(store)
            one_at_a_time(store)
            if stay:
                while_records_stay(store, seen)
    return seen


def different(found: Mapping[str, str | None], right: Mapping[str, str | None]) -> str:
    """What is another than it should be, as text."""
    names = sorted(name for name in {*found, *right} if found.get(name, "-") != right.get(name, "-"))
    return "; ".join(f"{name}: {found.get(name, '-')}, not {right.get(name, '-')}" for name in names)


def issued_once(store: Warehouse) -> None:
    """No two customers had an id, and every one is looked up."""
    issued = store.rows("select customer_id from identity.customer_ids where change_type in ('minted', 'split')")
    assert max(Counter(issued).values(), default=1) == 1, "an id was issued twice"
    assert {row[0] for row in issued} == set(store.lookup())


def one_at_a_time(store: Warehouse) -> None:
    """A record is one customer's until it is another's."""
    stretches = store.rows(
        "select record_key, valid_from, valid_to from identity.customer_xref order by 1, change_number"
    )
    for (key, _, ended), (following, began, _) in pairwise(stretches):
        assert key != following or (ended is not None and ended <= began), f"{key} is two customers' at a time"


def while_records_stay(store: Warehouse, seen: Seen) -> None:
    """What is true besides while no record has gone away."""
    customers, lookup = store.customers(), store.lookup()
    # Whose id it ever was, is whom it leads to: an id follows its anchor, and the anchor's customer has it.
    for name, anchor in store.rows("select customer_id, anchor_record_key from identity.customer_id_lookup"):
        assert name == rules.customer_id(anchor), f"{anchor} is not the record that {name} was issued for"
        assert lookup[name] == customers[anchor]
    for a, b in active(seen.decisions, "cut"):
        assert a not in customers or b not in customers or customers[a] != customers[b], f"{a} and {b} are cut"
    assert store.rows(GAPS) == []
