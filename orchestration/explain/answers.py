"""The answer to "why": one document, the same for text, JSON and drawing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from orchestration.explain.facts import Change, Decided, Facts, Named, Offer, Reader, Record, Unusable
from orchestration.explain.ties import Step, Ties


@dataclass(frozen=True)
class Member:
    """A record with the step that brings it in from the records nearer to the anchor; none for the anchor itself."""

    record: Record
    step: Step | None


@dataclass(frozen=True)
class Golden:
    """A golden field: what survived, what did not, by which rule."""

    field: str
    rule: str
    chosen: Offer
    losers: list[Offer]

    @property
    def agreeing(self) -> int:
        """How many more records offer the value that survived."""
        return len({offer.record_key for offer in self.losers if offer.value == self.chosen.value})

    @property
    def not_chosen(self) -> dict[str, list[str]]:
        """Other values, the best first, with the records that offer them."""
        found: dict[str, list[str]] = {}
        for offer in self.losers:
            if offer.value != self.chosen.value:
                found.setdefault(offer.value, []).append(offer.record_key)
        return found


@dataclass(frozen=True)
class Customer:
    """A customer as it is published."""

    customer_id: str
    anchor: str
    issued_at: datetime
    members: list[Member]
    ties: Ties
    golden: list[Golden]
    unusable: list[Unusable]
    decisions: list[Decided]
    changes: list[Change]


@dataclass(frozen=True)
class Answer:
    """``path`` leads from the first to the second of ``asked``, or to a record from its customer's anchor."""

    asked: list[Named]
    customers: list[Customer]
    path: list[Step] | None
    is_held: bool

    @property
    def apart(self) -> bool:
        """Two were asked for, and they are two customers."""
        return len(self.customers) > 1

    def both_carry(self) -> list[Unusable]:
        """Values that tie nobody and that records of both customers carry, once each."""
        if not self.apart:
            return []
        first, second = self.customers
        there = {(one.identifier_type, one.value) for one in second.unusable}
        shared = {(one.identifier_type, one.value): one for one in first.unusable}
        return [one for key, one in sorted(shared.items()) if key in there]

    def cuts_between(self) -> list[Decided]:
        """Cuts between a record of the one and a record of the other customer."""
        if not self.apart:
            return []
        sides = [{member.record.record_key for member in customer.members} for customer in self.customers]
        return [
            one
            for one in self.customers[0].decisions
            if one.kind == "cut"
            and any({one.record_a, one.record_b} & side for side in sides[:1])
            and any({one.record_a, one.record_b} & side for side in sides[1:])
        ]


def explain(reader: Reader, names: Collection[str], values: Collection[str]) -> Answer:
    """Answer for one name (a customer, or a record of one) or two; ``values`` are the identifier types.

    Raises NotExplained.
    """
    asked = [reader.named(name) for name in names]
    ids = list(dict.fromkeys(one.customer_id for one in asked))
    facts = reader.facts(ids)
    customers = [_customer(reader, facts, customer_id, values) for customer_id in ids]
    path = None
    if len(asked) == 2 and len(ids) == 1:
        path = customers[0].ties.path(asked[0].record_key, asked[1].record_key)
    elif len(asked) == 1:
        path = customers[0].ties.path(customers[0].anchor, asked[0].record_key)
    return Answer(asked, customers, path, facts.is_held)


def _customer(reader: Reader, facts: Facts, customer_id: str, values: Collection[str]) -> Customer:
    anchor, issued_at = reader.anchor(customer_id)
    records = {record.record_key: record for record in facts.records if record.customer_id == customer_id}
    seen = facts.seen | {
        (key, "decision", decided.decision_id): decided.decided_at
        for decided in facts.decisions
        if decided.decided_at is not None
        for key in (decided.record_a, decided.record_b)
    }
    links = [link for link in facts.links if link.record_a in records and link.record_b in records]
    ties = Ties(links, values, seen)
    steps = ties.steps_from(anchor)
    order = [anchor, *steps, *sorted(records.keys() - steps.keys() - {anchor})]
    offers: dict[str, list[Offer]] = {}
    for offer in facts.offers:
        if offer.customer_id == customer_id:
            offers.setdefault(offer.field, []).append(offer)
    return Customer(
        customer_id=customer_id,
        anchor=anchor,
        issued_at=issued_at,
        members=[Member(records[key], steps.get(key)) for key in order if key in records],
        ties=ties,
        golden=[Golden(field, own[0].rule, own[0], own[1:]) for field, own in sorted(offers.items())],
        unusable=[one for one in facts.unusable if one.record_key in records],
        decisions=[one for one in facts.decisions if {one.record_a, one.record_b} & records.keys()],
        changes=[change for change in facts.changes if change.living_customer_id == customer_id],
    )
