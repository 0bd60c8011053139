"""The answer as one HTML page: the drawing, the tables beneath it, nothing from elsewhere and no scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from orchestration.explain.answers import Answer, Customer
from orchestration.explain.drawing import drawn
from orchestration.explain.text import change_words, moment, step_words, tie_words

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2430; --soft: #5d6878; --line: #d5dbe3; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e8ecf1; --soft: #9aa6b5; --line: #39424e; } }
body { margin: 0 auto; max-width: 1440px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 32px 0 8px; }
p { margin: 4px 0; } .soft { color: var(--soft); }
.drawing { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; margin-top: 16px; }
.drawing svg { display: block; margin: 0 auto; max-width: 100%; min-width: min(100%, 960px); height: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 500; } ol { padding-left: 20px; }
""".strip()


def page(answer: Answer) -> str:
    """A whole document."""
    names = " and ".join(one.name for one in answer.asked)
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(names)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>",
            f"<h1>{escape(names)}</h1>",
            *(f"<p>{escape(line)}</p>" for line in _said(answer)),
            f'<div class="drawing">\n{drawn(answer)}</div>',
            *_path(answer),
            *(part for customer in answer.customers for part in _customer(customer, answer.apart)),
            "</body>\n</html>\n",
        ]
    )


def _said(answer: Answer) -> Iterator[str]:
    ids = [customer.customer_id for customer in answer.customers]
    if answer.apart:
        yield f"Two customers: {ids[0]} and {ids[1]}."
    elif len(answer.asked) == 2:
        yield f"One customer: {ids[0]}."
    for named in answer.asked:
        if named.name != named.customer_id:
            yield f"{named.name} is {'a record of ' if named.is_record else ''}{named.customer_id} today."
    for cut in answer.cuts_between():
        yield f"Kept apart by hand: {cut.why} ({cut.decided_by}, {cut.decision_id})."
    for one in answer.both_carry():
        yield f"Both carry {one.identifier_type} {one.value}, which ties nobody: {one.status}, {one.why}."
    if answer.is_held:
        yield "The gate holds a newer graph; the links are of that one."


def _path(answer: Answer) -> Iterator[str]:
    if not answer.path:
        return
    yield "<h2>What leads from one to the other</h2>\n<ol>"
    for step in answer.path:
        yield (
            f"<li>{escape(step.source)} and {escape(step.target)}: {escape(tie_words(step))} "
            f'<span class="soft">({escape(step_words(step))})</span></li>'
        )
    yield "</ol>"


def _customer(customer: Customer, named: bool) -> Iterator[str]:
    if named:
        yield f"<h1>{escape(customer.customer_id)}</h1>"
    yield from _table(
        "Golden record",
        ("Field", "Value", "Rule", "From", "Not chosen"),
        [
            (
                golden.field,
                golden.chosen.value,
                golden.rule.replace("_", " "),
                golden.chosen.record_key + (f"\nand {agreeing} more agree" if (agreeing := golden.agreeing) else ""),
                "\n".join(f"{value} ({', '.join(records)})" for value, records in golden.not_chosen.items()) or "-",
            )
            for golden in customer.golden
        ],
    )
    yield from _table(
        "Records",
        ("Record", "Name", "Created", "Tied by", "Score, first seen"),
        [
            (
                member.record.record_key + (" (deleted)" if member.record.is_deleted else ""),
                member.record.name or "-",
                "-" if member.record.created_at is None else moment(member.record.created_at),
                "the anchor" if member.record.record_key == customer.anchor else "no link of today"
                if member.step is None else f"{tie_words(member.step)}, as {member.step.source}",
                "-" if member.step is None else step_words(member.step),
            )
            for member in customer.members
        ],
    )  # fmt: skip
    yield from _table(
        "Values that tie nobody",
        ("Record", "Type", "Value", "Status", "Why"),
        [(one.record_key, one.identifier_type, one.value, one.status, one.why or "-") for one in customer.unusable],
    )
    yield from _table(
        "Decided by hand",
        ("Decision", "Kind", "Records", "Why", "By"),
        [
            (one.decision_id, one.kind, f"{one.record_a}\n{one.record_b}", one.why, one.decided_by)
            for one in customer.decisions
        ],
    )
    yield from _table("What became of the ids", ("Change",), [(change_words(change),) for change in customer.changes])


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<h2>{escape(title)}</h2>\n<table>"
    yield f"<tr>{''.join(f'<th>{escape(header)}</th>' for header in headers)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>"
    yield "</table>"


def _cell(value: str) -> str:
    return escape(value).replace("\n", "<br>")
