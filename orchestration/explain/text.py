"""The answer in words, for a terminal: nothing wider than its longest value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestration.explain.answers import Answer, Customer, Golden
from orchestration.explain.facts import Change, Decided, Record
from orchestration.explain.ties import Step
from orchestration.terminal import table

# Beyond so many the rest is counted; --json has all.
_MEMBERS, _LOSERS = 50, 4


def written(answer: Answer) -> str:
    """All of it, ending without a line break."""
    return "\n".join(_lines(answer))


def _lines(answer: Answer) -> Iterator[str]:
    for named in answer.asked:
        if named.name not in (named.customer_id, named.record_key):
            yield f"{named.name} is {named.customer_id} today."
    if answer.apart:
        yield from _apart(answer)
        return
    (customer,) = answer.customers
    if len(answer.asked) == 2:
        first, second = (named.record_key for named in answer.asked)
        yield f"{first} and {second} are one customer, {customer.customer_id}:"
        yield ""
        yield from _path(answer, first, customer)
        return
    (named,) = answer.asked
    yield from _head(customer)
    if named.is_record and named.record_key != customer.anchor:
        yield ""
        yield f"From its anchor to {named.record_key}"
        yield from _path(answer, customer.anchor, customer)
    yield from _body(customer)
    if answer.is_held:
        yield ""
        yield "The gate holds a newer graph: links are of that one (`braid identity diff`)."


def _path(answer: Answer, start: str, customer: Customer) -> Iterator[str]:
    records = {member.record.record_key: member.record for member in customer.members}
    if answer.path is None:
        yield "  No links of today lead from one to the other: " + (
            "the graph that is published is older than they are, and the gate holds the new one."
            if answer.is_held
            else "they were one customer when the graph was last published; `braid build` looks again."
        )
        return
    yield f"  {_record(start, records.get(start))}"
    for step in answer.path:
        yield f"    | {tie_words(step)}"
        yield f"    |   {step_words(step)}"
        yield f"  {_record(step.target, records.get(step.target))}"


def _apart(answer: Answer) -> Iterator[str]:
    first, second = answer.asked
    yield f"{first.name} and {second.name} are two customers: {first.customer_id} and {second.customer_id}."
    cuts, shared = answer.cuts_between(), answer.both_carry()
    for cut in cuts:
        yield f"  Kept apart by hand: {_decided(cut)}"
    for one in shared:
        yield f"  Both carry {one.identifier_type} {one.value}, which ties nobody: {one.status}, {one.why}."
    if not cuts and not shared:
        yield "  No link leads from one to the other, and no value that was left out would."
    for customer in answer.customers:
        yield ""
        yield from _head(customer)
        yield from _members(customer)


def _head(customer: Customer) -> Iterator[str]:
    count = len(customer.members)
    golden = {field.field: field.chosen.value for field in customer.golden}
    name = " ".join(golden[key] for key in ("given_name", "family_name") if key in golden)
    yield f"{customer.customer_id}{f'  {name}' if name else ''}"
    yield (
        f"  issued {moment(customer.issued_at)}; goes by {customer.anchor}; "
        f"{count} {'record' if count == 1 else 'records'}"
    )
    for change in customer.changes:
        if change.customer_id != customer.customer_id or change.change_type not in ("minted", "split"):
            yield f"  {change_words(change)}"


def _body(customer: Customer) -> Iterator[str]:
    yield from _members(customer)
    if customer.golden:
        yield ""
        yield "Golden record"
        rows = [(g.field, g.chosen.value, g.rule, g.chosen.record_key, losers(g)) for g in customer.golden]
        yield _indented(table(("field", "value", "rule", "from", "not chosen"), rows))
    if customer.unusable:
        yield ""
        yield "Values that tie nobody"
        unusable = [(u.record_key, u.identifier_type, u.value, u.status, u.why) for u in customer.unusable]
        yield _indented(table(("record", "type", "value", "status", "why"), unusable))
    cuts = [one for one in customer.decisions if one.kind == "cut"]
    if cuts:
        yield ""
        yield "Kept apart by hand"
        for cut in cuts:
            yield f"  {_decided(cut)}"


def _members(customer: Customer) -> Iterator[str]:
    yield ""
    yield "Records, and what ties each to those above it"
    reasons = {one.decision_id: one for one in customer.decisions}
    for number, member in enumerate(customer.members):
        if number == _MEMBERS:
            yield f"  and {len(customer.members) - number:,} more records; --json has all of them"
            return
        yield f"  {_record(member.record.record_key, member.record)}"
        if member.record.record_key == customer.anchor:
            yield "      the anchor: the record created first when the id was issued"
        elif member.step is None:
            yield "      no link of today; it was published with an older graph"
        else:
            yield f"      {tie_words(member.step)}, as {member.step.source}; {step_words(member.step)}"
            if member.step.tie.rule == "decision" and member.step.tie.evidence in reasons:
                yield f"      {_why(reasons[member.step.tie.evidence])}"


def _record(key: str, record: Record | None) -> str:
    if record is None:
        return key
    words = [key, record.name or "", "deleted at its source" if record.is_deleted else ""]
    return "  ".join(word for word in words if word)


def tie_words(step: Step) -> str:
    """What ties, as ``email ann@example.com``."""
    if step.tie.rule == "decision":
        return f"joined by hand ({step.tie.evidence})"
    return f"{step.tie.rule} {step.tie.evidence}".rstrip()


def step_words(step: Step) -> str:
    """How sure, and since when."""
    seen = "" if step.first_seen_at is None else f", first seen {moment(step.first_seen_at)}"
    return f"score {step.score:.4g}{seen}"


def change_words(change: Change) -> str:
    """What happened to an id, as a sentence without its full stop."""
    other = change.other_customer_id
    what = {
        "minted": "was issued",
        "split": f"was split off from {other}",
        "merged": f"was merged into {other}",
        "restored": f"was given back{f' by {other}' if other else ''}",
        "closed": "was closed: its records were gone",
    }.get(change.change_type, change.change_type)
    decision = f" {change.decision_id}" if change.decision_id else ""
    return f"{moment(change.changed_at)}  {change.customer_id} {what} (cause: {change.cause}{decision})"


def losers(golden: Golden) -> str | None:
    """Values that were not chosen, each with its record or how many there are; None when all agree."""
    told = [
        f"{value} ({records[0] if len(records) == 1 else f'{len(records)} records'})"
        for value, records in golden.not_chosen.items()
    ]
    more = [f"and {len(told) - _LOSERS} more"] if len(told) > _LOSERS else []
    return "; ".join([*told[:_LOSERS], *more]) or None


def moment(value: datetime) -> str:
    """To the minute, UTC."""
    return f"{value:%Y-%m-%d %H:%M}"


def _decided(decision: Decided) -> str:
    return f"{decision.record_a} from {decision.record_b}; {_why(decision)}"


def _why(decision: Decided) -> str:
    when = "" if decision.decided_at is None else f", {moment(decision.decided_at)}"
    return f'"{decision.why}" ({decision.decided_by}{when}, {decision.decision_id})'


def _indented(block: str) -> str:
    return "\n".join(f"  {line}" for line in block.split("\n"))
