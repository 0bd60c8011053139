"""The answer as an SVG: records as boxes, what ties them as rounded ones, the path asked for in a stronger line.

One file without scripts, fonts or anything else from elsewhere; it follows the viewer's light or dark colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from orchestration.explain.answers import Answer, Customer
from orchestration.explain.facts import Record
from orchestration.explain.layout import Layout, Node, Place, laid_out
from orchestration.explain.text import moment
from orchestration.explain.ties import Tie

MARGIN, HEADING = 24, 64
# Beyond so many records a drawing is no picture any more; the nearest to the first one are shown.
MOST = 60
STYLE = """
svg.braid { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 13px;
  --paper: #ffffff; --ink: #1c2430; --soft: #5d6878; --line: #b9c2ce; --box: #f6f8fa; --strong: #b3261e;
  --salesforce: #1f6fb5; --hubspot: #c8551b; --segment: #25845a; --files: #7350a8; --other: #6b7480; }
@media (prefers-color-scheme: dark) { svg.braid {
  --paper: #14181e; --ink: #e8ecf1; --soft: #9aa6b5; --line: #4a5563; --box: #1f252d; --strong: #ff8a80;
  --salesforce: #6cb2ee; --hubspot: #f0935f; --segment: #62c698; --files: #b497e7; --other: #9aa6b5; } }
.braid .paper { fill: var(--paper); } .braid text { fill: var(--ink); } .braid .soft { fill: var(--soft); }
.braid .small { font-size: 11px; } .braid .end { text-anchor: end; }
.braid .title { font-size: 16px; font-weight: 600; }
.braid .box { fill: var(--box); stroke: var(--line); } .braid .gone { stroke-dasharray: 4 3; }
.braid .tie { fill: var(--paper); stroke: var(--line); } .braid .line { fill: none; stroke: var(--line); }
.braid .way { stroke: var(--strong); stroke-width: 2.5; } .braid .anchor { stroke: var(--ink); stroke-width: 1.5; }
""".strip()
_SYSTEMS = ("salesforce", "hubspot", "segment", "files")


def drawn(answer: Answer) -> str:
    """A whole SVG document."""
    panels = [_Panel(answer, customer, number) for number, customer in enumerate(answer.customers)]
    notes = [f"Both carry {one.identifier_type} {one.value}: {one.status}, ties nobody." for one in answer.both_carry()]
    notes += [f"Kept apart by hand: {cut.why} ({cut.decided_by})" for cut in answer.cuts_between()]
    width = max([panel.width for panel in panels] + [_wide(note) for note in notes]) + 2 * MARGIN
    height = sum(panel.height for panel in panels) + 20 * len(notes) + MARGIN * (len(panels) + 1)
    parts = [
        f'<svg class="braid" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
    ]
    y = float(MARGIN)
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({MARGIN} {y:.0f})">')
        parts.extend(panel.parts())
        parts.append("</g>")
        y += panel.height + MARGIN
        if number == 0:
            for note in notes:
                parts.append(f'<text class="soft" x="{MARGIN}" y="{y:.0f}">{escape(note)}</text>')
                y += 20
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Panel:
    """One customer."""

    def __init__(self, answer: Answer, customer: Customer, number: int) -> None:
        records = {member.record.record_key: member.record for member in customer.members}
        root = customer.anchor
        if len(answer.asked) == 2:
            root = answer.asked[number if answer.apart else 0].record_key
        near = [root, *(key for key in customer.ties.steps_from(root)), *records]
        path = answer.path or []
        on_path = [key for step in path for key in (step.source, step.target)]
        shown = list(dict.fromkeys([root, *on_path, *near]))
        self._more = max(len(shown) - MOST, 0)
        self._records, self._customer = records, customer
        self._layout: Layout = laid_out(customer.ties, root, shown[:MOST])
        self._way = {(step.source, step.tie) for step in path} | {(step.target, step.tie) for step in path}
        self._heading = _heading(customer)
        self.width = max(self._layout.width, _wide(self._heading) * 1.25)
        self.height = self._layout.height + HEADING

    def parts(self) -> Iterator[str]:
        more = f"; the {MOST} nearest are drawn, {self._more:,} more are not" if self._more else ""
        count = len(self._customer.members)
        yield f'<text class="title" x="0" y="18">{escape(self._heading)}</text>'
        yield (
            f'<text class="soft" x="0" y="38">{count:,} record{"s" if count != 1 else ""}, '
            f"issued {moment(self._customer.issued_at)} UTC{more}</text>"
        )
        yield f'<g transform="translate(0 {HEADING})">'
        places = self._layout.places
        # Strong lines last, so that they are on top.
        for left, right in sorted(self._layout.lines, key=self._is_way):
            yield _line(places[left], places[right], self._is_way((left, right)))
        for node, place in places.items():
            yield from self._tie(node, place) if isinstance(node, Tie) else self._record(node, place)
        yield "</g>"

    def _is_way(self, line: tuple[Node, Node]) -> bool:
        return line in self._way or line[::-1] in self._way

    def _record(self, key: str, place: Place) -> Iterator[str]:
        record = self._records.get(key)
        system = key.split(":", 1)[0]
        colour = f"var(--{system if system in _SYSTEMS else 'other'})"
        css = "box" + (" anchor" if key == self._customer.anchor else "")
        css += " gone" if record is not None and record.is_deleted else ""
        yield f"<g><title>{escape(_told(key, record, self._customer))}</title>"
        yield _rect(place, css, 6)
        yield (
            f'<rect x="{place.x + 1:.1f}" y="{place.y + 5:.1f}" width="4" height="{place.height - 10:.1f}" rx="2" '
            f'style="fill: {colour}"/>'
        )
        name = (record.name if record is not None else None) or "no name"
        yield _text(place.x + 14, place.y + 21, _cut(name, 24), "" if record is not None and record.name else "soft")
        if key == self._customer.anchor:
            yield _text(place.x + place.width - 10, place.y + 21, "anchor", "soft small end")
        yield _text(place.x + 14, place.y + 38, _middle_cut(key, 31), "soft small")
        yield "</g>"

    def _tie(self, tie: Tie, place: Place) -> Iterator[str]:
        seen = [self._customer.ties.first_seen(record, tie) for record in self._customer.ties.records_of[tie]]
        since = sorted(moment for moment in seen if moment is not None)
        score = self._customer.ties.score(tie)
        what = "joined by hand" if tie.rule == "decision" else tie.rule
        below = [what] + ([] if score >= 1 else [f"score {score:.3f}"])
        below += [f"since {since[0]:%Y-%m-%d}"] if since else []
        told = f"{what} {tie.evidence}\nscore {score:.4g}" + "".join(
            f"\n{record}{'' if moment_ is None else f', first seen {moment(moment_)}'}"
            for record, moment_ in zip(self._customer.ties.records_of[tie], seen, strict=True)
        )
        yield f"<g><title>{escape(told)}</title>"
        yield _rect(place, "tie", place.height / 2)
        yield _text(place.x + 18, place.y + 17, _cut(tie.evidence or what, 24), "")
        yield _text(place.x + 18, place.y + 32, _cut(", ".join(below), 30), "soft small")
        yield "</g>"


def _heading(customer: Customer) -> str:
    golden = {field.field: field.chosen.value for field in customer.golden}
    name = " ".join(golden[key] for key in ("given_name", "family_name") if key in golden)
    return f"{name} · {customer.customer_id}" if name else customer.customer_id


def _told(key: str, record: Record | None, customer: Customer) -> str:
    lines = [key]
    if record is not None:
        lines += [record.name] if record.name else []
        lines += [f"created {moment(record.created_at)}"] if record.created_at is not None else []
        lines += ["deleted at its source"] if record.is_deleted else []
    return "\n".join([*lines, *(["the anchor: the customer's id goes by it"] if key == customer.anchor else [])])


def _line(left: Place, right: Place, strong: bool) -> str:
    if left.x > right.x:
        left, right = right, left
    x, end = left.x + left.width, right.x
    bend = (end - x) / 2
    return (
        f'<path class="line{" way" if strong else ""}" d="M {x:.1f} {left.middle:.1f} C {x + bend:.1f} '
        f'{left.middle:.1f}, {end - bend:.1f} {right.middle:.1f}, {end:.1f} {right.middle:.1f}"/>'
    )


def _rect(place: Place, css: str, radius: float) -> str:
    return (
        f'<rect class="{css}" x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.0f}" '
        f'height="{place.height:.0f}" rx="{radius:.0f}"/>'
    )


def _text(x: float, y: float, words: str, css: str) -> str:
    attribute = f' class="{css}"' if css else ""
    return f'<text{attribute} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _middle_cut(words: str, most: int) -> str:
    """Of a key both ends tell something."""
    return words if len(words) <= most else words[: most - 9] + "…" + words[-8:]


def _wide(words: str) -> float:
    return 7.2 * len(words)
