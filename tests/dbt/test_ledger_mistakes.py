"""The ledger's tests can fail: rules of the ledger and of cuts, each with a mistake that reads well.

Each is noticed by a story made by hand, whatever hypothesis draws, and by the stories it draws.
"""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt.ledger_by_hand import BY_HAND
from tests.dbt.ledger_inputs import BY_CHANGES
from tests.dbt.ledger_sql import Models, warehouse
from tests.dbt.ledger_stories import Worlds, worlds
from tests.dbt.ledger_told import tell

pytestmark = [pytest.mark.timeout(600)]
SLOWLY = [HealthCheck.too_slow]
TRIED = settings(deadline=None, derandomize=True, database=None, suppress_health_check=SLOWLY)

# Model, what it says, the mistake, and the story that tells it.
MISTAKES = [
    ("customer_ids", "issued_number asc,", "issued_number desc,",
     "the id issued first stays, though its record is younger"),
    ("customer_ids", "when own_clusters.record_key is not null then ledger.own_record_key", "",
     "an id stays with its own record, though an older one joins"),
    ("customer_ids", "min(unclaimed.record_key)", "max(unclaimed.record_key)",
     "of two created at once the lower key is the anchor"),
    ("customer_ids", "min(created_at) as created_at", "max(created_at) as created_at",
     "the record created first is the anchor, though its key is higher"),
    ("customer_ids", "change_number * 10 -", "-10 * change_number -",
     "two become one, and two again"),
    ("customer_ids", "first_customer_id is distinct from homes.living_customer_id", "first_customer_id is null",
     "two become one"),
    ("customer_ids", "moved_records.successor_key = clusters", "moved_records.record_key = clusters",
     "who takes a record over goes on as it"),
    ("customer_xref", "today.customer_id is distinct from open_rows.customer_id", "today.customer_id is null",
     "two become one"),
    ("customer_ids by changes", "touched_keys.record_key from touched_keys", "'nobody'",
     "one goes and is back"),
    ("customer_ids by changes", "change_type not in ('minted', 'split')", "1 = 0",
     "two become one, and two again"),
    ("int_identity__changed_records by changes", "displaced.change_type in ('moved', 'closed')", "1 = 0",
     "who stood in, and then the record itself"),
    ("int_identity__reached_records by changes", "where members.record_key is null", "where false",
     "one goes for good"),
    ("int_identity__cut_links", "min(reached.side) as side", "max(reached.side) as side",
     "who is between two that are cut goes with the first"),
    ("int_identity__cut_links", "cuts.key_b = apart.one_key", "cuts.key_b = apart.other_key",
     "two that are cut from the same third stay together"),
    ("int_identity__joins", "and is_active", "", "two are joined, and it is undone"),
    ("int_identity__decided_links", "where cut_links.record_key_a is null", "", "two are cut"),
]  # fmt: skip


def ways(model: str) -> list[str]:
    """The texts in which a model is compiled: a mistake in either is noticed by itself."""
    return [model, f"{model} by changes"] if model in BY_CHANGES else [model]


# So seldom drawn that a story made by hand has to tell it.
RARE = (
    "customer_ids by changes", "displaced.change_type in ('moved', 'closed')", "1 = 0",
    "who stood in goes too, and then the record is back",
)  # fmt: skip
EACH = [pytest.param(way, *row[1:], id=f"{way}: {row[1].strip()}") for row in MISTAKES for way in ways(row[0])]


@pytest.mark.parametrize(("way", "said", "instead", "story"), EACH)
def test_a_mistake_in_a_rule_is_noticed(models: Models, way: str, said: str, instead: str, story: str) -> None:
    sql, books = models
    assert said in sql[way]
    wrong = {**sql, way: sql[way].replace(said, instead)}
    # The other text of such a model is for builds that compare everything.
    everything = way in BY_CHANGES

    def told(worlds_told: Worlds) -> None:
        with warehouse((wrong, books), everything=everything) as store:
            tell(worlds_told, store)

    with pytest.raises((AssertionError, duckdb.Error)):
        told(Worlds([BY_HAND[story]]))

    # Fewer than ten, of which hypothesis makes none small but the first.
    @settings(TRIED, max_examples=9, phases=[Phase.generate])
    @given(drawn=worlds(come_and_go=True))
    def drawn_ones(drawn: Worlds) -> None:
        told(drawn)

    with pytest.raises((AssertionError, duckdb.Error)):
        drawn_ones()


def test_an_id_whose_own_record_is_back_after_all_others_went_is_looked_for(models: Models) -> None:
    sql, books = models
    way, said, instead, story = RARE
    assert said in sql[way]
    with (
        pytest.raises((AssertionError, duckdb.Error)),
        warehouse(({**sql, way: sql[way].replace(said, instead)}, books)) as store,
    ):
        tell(Worlds([BY_HAND[story]]), store)
