"""The weights of matching as an SVG: a bar of bits for each level of each comparison, and how often it holds.

One file without scripts, fonts or anything else from elsewhere; it follows the viewer's light or dark colours. The same
weights are the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from matching.decision import NEVER
from orchestration.lib.match_weights import ComparisonWeights, LevelWeight, VersionWeights, one_in

MARGIN, HEADING, LEGEND = 24, 84, 24
LINE, TITLE, GAP = 24, 26, 6
LABELS, BITS, VALUE, SHARES, PERCENT = 230, 380, 56, 140, 70
WIDTH = LABELS + BITS + VALUE + SHARES + PERCENT + 24 + 2 * MARGIN
STYLE = """
svg.braid { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 13px;
  --paper: #ffffff; --ink: #1c2430; --soft: #5d6878; --line: #d5dbe3; --for: #25845a; --against: #b3261e;
  --m: #1f6fb5; --u: #a7b2c0; }
@media (prefers-color-scheme: dark) { svg.braid {
  --paper: #14181e; --ink: #e8ecf1; --soft: #9aa6b5; --line: #38424e; --for: #62c698; --against: #ff8a80;
  --m: #6cb2ee; --u: #5d6878; } }
.braid .paper { fill: var(--paper); } .braid text { fill: var(--ink); } .braid .soft { fill: var(--soft); }
.braid .small { font-size: 11px; } .braid .end { text-anchor: end; } .braid .middle { text-anchor: middle; }
.braid .title { font-size: 16px; font-weight: 600; } .braid .name { font-weight: 600; }
.braid .line { stroke: var(--line); } .braid .zero { stroke: var(--soft); }
.braid .for { fill: var(--for); } .braid .against { fill: var(--against); }
.braid .m { fill: var(--m); } .braid .u { fill: var(--u); } .braid .household { stroke: var(--ink); stroke-width: 2; }
""".strip()


def drawn(weights: VersionWeights) -> str:
    """A whole SVG document."""
    axis = _Axis(weights)
    height = MARGIN * 2 + HEADING + LEGEND + sum(_height(item) for item in weights.comparisons)
    parts = [
        f'<svg class="braid" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<g transform="translate({MARGIN} {MARGIN})">',
        *_heading(weights),
        *axis.parts(height - 2 * MARGIN - LEGEND),
    ]
    y = HEADING
    for item in weights.comparisons:
        parts.append(_text(0, y + 17, item.name.replace("_", " "), "name"))
        for place, level in enumerate(item.levels):
            parts.extend(_level(axis, level, y + TITLE + place * LINE))
        y += _height(item)
    parts.extend(_legend(y + 16))
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


class _Axis:
    """Bits from left to right; ``at`` is where so many are."""

    def __init__(self, weights: VersionWeights) -> None:
        levels = [level for item in weights.comparisons for level in item.levels]
        bits = [one for level in levels for one in (level.weight, level.household_weight)] or [0.0]
        self._step = next(step for step in (1, 2, 5, 10, 20, 50) if (max(bits) - min(bits)) / step <= 12 or step == 50)
        self._low = self._step * min(math.floor(min(bits) / self._step), 0)
        self._high = self._step * max(math.ceil(max(bits) / self._step), 1)

    def at(self, bits: float) -> float:
        return LABELS + BITS * (bits - self._low) / (self._high - self._low)

    def parts(self, end: float) -> Iterator[str]:
        for bits in range(self._low, self._high + 1, self._step):
            x = self.at(bits)
            css = "zero" if bits == 0 else "line"
            yield f'<line class="{css}" x1="{x:.1f}" y1="{HEADING - 4}" x2="{x:.1f}" y2="{end:.1f}"/>'
            yield _text(x, HEADING - 10, f"{bits:+d}" if bits else "0", "soft small middle")
        yield _text(LABELS + BITS + VALUE + SHARES, HEADING - 10, "100 %", "soft small end")
        x = LABELS + BITS + VALUE + SHARES
        yield f'<line class="line" x1="{x}" y1="{HEADING - 4}" x2="{x}" y2="{end:.1f}"/>'


def _heading(weights: VersionWeights) -> Iterator[str]:
    learnt = (
        f"Learnt from {weights.number_of_records:,} records. Of all pairs, {one_in(weights.prior)} is one person, "
        f"{one_in(weights.moved_prior)} one who moved, {one_in(weights.household_prior)} a household, "
        f"{one_in(weights.namesake_prior)} namesakes."
    )
    begins = f"These odds and what agrees make a pair a link from {weights.link_weight:g} bits on."
    if weights.link_weight >= NEVER:
        begins = "No pair was likely enough to be a link."
    yield _text(0, 16, "What an agreement says, in bits for and against one person", "title")
    yield _text(0, 36, learnt, "soft")
    yield _text(0, 54, begins, "soft")


def _level(axis: _Axis, level: LevelWeight, y: float) -> Iterator[str]:
    zero, end = axis.at(0), axis.at(level.weight)
    household = axis.at(level.household_weight)
    told = (
        f"{level.label}: one person {_percent(level.m)}, by chance {_percent(level.u)}, household {_percent(level.h)}, "
        f"namesakes {_percent(level.n)}; {level.weight:+.2f} bits, household {level.household_weight:+.2f}, "
        f"namesakes {level.namesake_weight:+.2f}"
    )
    yield f"<g><title>{escape(told)}</title>"
    yield _text(12, y + 15, level.words + (" *" if level.term_frequency_column else ""), "soft")
    css = "for" if level.weight >= 0 else "against"
    yield _rect(min(zero, end), y + 3, abs(end - zero), 15, css)
    yield (f'<line class="household" x1="{household:.1f}" y1="{y + 1:.1f}" x2="{household:.1f}" y2="{y + 20:.1f}"/>')
    yield _text(LABELS + BITS + VALUE - 10, y + 15, _bits(level.weight), "end")
    left = LABELS + BITS + VALUE
    yield _rect(left, y + 3, SHARES * level.m, 7, "m")
    yield _rect(left, y + 11, SHARES * level.u, 7, "u")
    yield _text(left + SHARES + 8, y + 10, _percent(level.m), "small")
    yield _text(left + SHARES + 8, y + 20, _percent(level.u), "soft small")
    yield "</g>"


def _legend(y: float) -> Iterator[str]:
    yield _text(0, y, "* of a value as common as most; to share a rare one says more", "soft small")
    yield f'<line class="household" x1="{LABELS + 200}" y1="{y - 11}" x2="{LABELS + 200}" y2="{y + 3}"/>'
    yield _text(LABELS + 207, y, "for two people of one household", "soft small")
    x = LABELS + BITS + VALUE
    yield _rect(x, y - 8, 10, 8, "m")
    yield _text(x + 14, y, "one person (m)", "soft small")
    yield _rect(x + 104, y - 8, 10, 8, "u")
    yield _text(x + 118, y, "by chance (u)", "soft small")


def _height(item: ComparisonWeights) -> int:
    return TITLE + LINE * len(item.levels) + GAP


def _bits(weight: float) -> str:
    return "0.0" if round(weight, 1) == 0 else f"{weight:+.1f}"


def _percent(share: float) -> str:
    """Three figures, however small: 94.1 %, 0.0213 %, 4e-05 %."""
    return f"{100 * share:.3g} %"


def _rect(x: float, y: float, width: float, height: float, css: str) -> str:
    return f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.0f}"/>'


def _text(x: float, y: float, words: str, css: str) -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
