"""`braid identity`: what people decide on who is one customer, and what ties nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.orchestration.shop import BUILD, PEOPLE, SHARED, Shop

pytestmark = pytest.mark.timeout(560)

Braid = Callable[..., tuple[int, str, str]]


def test_values_that_tie_nobody_are_listed_with_the_reason(shop: Shop, braid: Braid) -> None:
    code, out, err = braid("identity", "flagged")
    assert code == 0
    assert f"email  {SHARED}  blocked  blocked value" in out
    assert "1 blocked." in err
    code, out, _ = braid("identity", "flagged", "--status", "blocked", "--type", "email", "--json")
    (value,) = json.loads(out)["values"]
    assert (code, value["number_of_records"], value["number_of_customers"]) == (0, PEOPLE, PEOPLE)
    assert value["example_record_key"] == "files:person:shop/0"
    assert braid("identity", "flagged", "--limit", "0")[2].endswith("1 blocked. 1 more: see --limit.\n")
    assert "No such value" in braid("identity", "flagged", "--status", "malformed")[2]
    code, _, err = braid("identity", "flagged", "--type", "shoe_size")
    assert code != 0
    assert "'shoe_size' is no type; there are" in err


def test_decisions_are_applied_and_taken_back(shop: Shop, braid: Braid) -> None:
    before = shop.customers()
    one, other = "files:person:shop/1", "files:person:till/1"
    code, out, err = braid("identity", "cut", one, other, "--why", "father and son")
    assert code == 0
    cut = out.split()[0]
    assert "The next `braid build` applies it." in err
    assert braid("identity", "join", "files:person:shop/2", before["files:person:shop/4"], "--why", "married")[0] == 0
    code, _, err = braid("identity", "block", "phone", "+15032061005", "--why", "the front desk")
    assert code == 0
    assert "2 records carry it today." in err
    assert braid(*BUILD)[0] == 0
    now = shop.customers()
    assert now[one] == before[one] != now[other]
    assert now["files:person:shop/2"] == now["files:person:till/4"]
    assert now["files:person:shop/5"] != now["files:person:till/5"]
    causes = shop.rows("select change_type, cause, decision_id is null from identity.customer_ids"
                       " where cause <> 'record' order by all")  # fmt: skip
    assert causes == [("merged", "decision", False), ("split", "cut", False), ("split", "decision", False)]

    assert braid("identity", "undo", cut, "--why", "one person after all")[0] == 0
    assert braid(*BUILD)[0] == 0
    assert shop.customers()[other] == before[other]
    lookup = dict(shop.rows("select customer_id, living_customer_id from identity.customer_id_lookup"))
    assert lookup[now[other]] == before[one]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cut", "nobody:at:all", "files:person:shop/1"), "nobody:at:all is no record"),
        (("cut", "files:person:shop/1", "files:person:shop/1"), "cannot be cut from itself"),
        (("join", "files:person:shop/1", "cus_nobody"), "cus_nobody is neither a record nor a customer"),
        (("join", "files:person:shop/1", "files:person:shop/1"), "the same customer already"),
        (("block", "shoe_size", "43"), "shoe_size is no type of identifiers; there are"),
        (("block", "email", " "), "A blank value ties nobody"),
        (("undo", "0123"), "0123: no such decision"),
        (("cut", "files:person:shop/1", "files:person:shop/2", "--by", " "), "needs a reason (--why) and somebody"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_cannot_be_decided_is_refused_in_a_sentence(
    shop: Shop, braid: Braid, words: tuple[str, ...], said: str
) -> None:
    code, out, err = braid("identity", *words, "--why", "because")
    assert (code, out) == (1, "")
    assert said in err
    assert shop.rows("select count(*) from ops.identity_decisions") == [(0,)]


def test_decisions_that_contradict_one_another_are_refused(shop: Shop, braid: Braid) -> None:
    a, b, c = (f"files:person:shop/{number}" for number in (1, 2, 3))
    cut = braid("identity", "cut", a, c, "--why", "two people")[1].split()[0]
    assert f"decided already, by {cut}: two people" in braid("identity", "cut", a, c, "--why", "again")[2]
    join = braid("identity", "join", a, b, "--why", "one person")[1].split()[0]
    assert f"were cut by {cut}" in braid("identity", "join", b, c, "--why", "one person")[2]
    assert f"were joined by {join}: undo that first" in braid("identity", "cut", b, a, "--why", "two people")[2]
    undo = braid("identity", "undo", join, "--why", "no")[1].split()[0]
    assert f"{undo} is an undo itself" in braid("identity", "undo", undo, "--why", "no")[2]
    assert f"{join} is undone already" in braid("identity", "undo", join, "--why", "no")[2]
    assert braid("identity", "join", b, c, "--why", "one person")[0] == 0
    shown = braid("identity", "decisions")[1]
    assert "one person" in shown
    assert join not in shown
    assert join in braid("identity", "decisions", "--all")[1]


def test_before_the_first_build_there_is_nothing_to_decide(workshop: Path, braid: Braid) -> None:
    for words in (("diff",), ("approve", "--why", "x"), ("cut", "a", "b", "--why", "x")):
        code, _, err = braid("identity", *words)
        assert code == 1
        assert "Identity is not built yet: run `braid build` first." in err
    assert "Nothing was decided by hand." in braid("identity", "decisions")[2]
