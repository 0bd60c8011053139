"""The answer as one JSON document; its keys are stable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestration.explain.answers import Answer, Customer
from orchestration.explain.ties import Step


def document(answer: Answer) -> dict[str, Any]:
    """Everything the text tells, and all of what it cuts short."""
    return {
        "asked": [asdict(named) for named in answer.asked],
        "same_customer": not answer.apart,
        "path": None if answer.path is None else [_step(step) for step in answer.path],
        "kept_apart_by": [asdict(cut) for cut in answer.cuts_between()],
        "both_carry": [asdict(one) for one in answer.both_carry()],
        "gate_holds_a_newer_graph": answer.is_held,
        "customers": [_customer(customer) for customer in answer.customers],
    }


def _customer(customer: Customer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "anchor_record_key": customer.anchor,
        "issued_at": customer.issued_at,
        "records": [
            {
                **{key: value for key, value in asdict(member.record).items() if key != "customer_id"},
                "tied_by": None if member.step is None else _step(member.step),
            }
            for member in customer.members
        ],
        "ties": [
            {
                "rule": tie.rule,
                "evidence": tie.evidence,
                "records": [
                    {"record_key": record, "first_seen_at": customer.ties.first_seen(record, tie)} for record in records
                ],
            }
            for tie, records in customer.ties.records_of.items()
        ],
        "golden_record": [
            {
                "field": golden.field,
                "rule": golden.rule,
                "value": golden.chosen.value,
                "record_key": golden.chosen.record_key,
                "not_chosen": [
                    {
                        "value": offer.value,
                        "record_key": offer.record_key,
                        "frequency": offer.frequency,
                        "trust_rank": offer.trust_rank,
                        "updated_at": offer.updated_at,
                    }
                    for offer in golden.losers
                ],
            }
            for golden in customer.golden
        ],
        "values_that_tie_nobody": [asdict(one) for one in customer.unusable],
        "decisions": [asdict(one) for one in customer.decisions],
        "changes": [
            {key: value for key, value in asdict(change).items() if key != "living_customer_id"}
            for change in customer.changes
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "from": step.source,
        "to": step.target,
        "rule": step.tie.rule,
        "evidence": step.tie.evidence,
        "score": step.score,
        "first_seen_at": step.first_seen_at,
    }
