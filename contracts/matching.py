"""``matching.yml``: how two records are compared, which pairs are, and when two of them are one person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

# Columns of the keys that records are matched by (matching/keys.py makes them).
TEXT_COLUMNS = (
    "first_name",
    "first_name_root",
    "middle_name",
    "last_name",
    "birth_digits",
    "birth_year",
    "birth_day",
    "email",
    "email_name",
    "phone",
    "street",
    "city",
    "state",
    "postcode",
    "postal_area",
    "national_id",
    "occupation",
    "birth_place",
)
# What a comparison has to do with names.
NAME, MADE_OF_NAMES = "name", "made of names"
DATE_COLUMNS = ("birth_date",)
ARRAY_COLUMNS = ("name_parts",)

# Kind of level: the word before its threshold, and the columns it can look at.
KINDS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "exact": (None, TEXT_COLUMNS + DATE_COLUMNS),
    "levenshtein": ("at_most", TEXT_COLUMNS),
    "jaro_winkler": ("at_least", TEXT_COLUMNS),
    "swapped": ("at_least", TEXT_COLUMNS),
    "prefix": ("at_least", TEXT_COLUMNS),
    "date_distance": ("at_most", DATE_COLUMNS),
    "array_overlap": ("at_least", ARRAY_COLUMNS),
}


@dataclass(frozen=True)
class Level:
    """One way for two values to agree; ``threshold`` is letters, per cent, days or elements, as the kind says."""

    kind: str
    columns: tuple[str, ...]
    threshold: int | None = None
    term_frequency: bool = False

    @property
    def label(self) -> str:
        """The level in words, as evidence shows it."""
        words = [self.kind, "/".join(self.columns)] + ([str(self.threshold)] if self.threshold is not None else [])
        return " ".join(words)


@dataclass(frozen=True)
class Comparison:
    """A column of both records and the levels it may agree at, strictest first; below the last, it differs.

    ``differs_at_most`` is a share in per cent: of one person's pairs, no more may be learnt to differ. ``person`` tells
    people of a household apart; ``home`` changes with all others of its kind when somebody moves; ``names`` is NAME for
    a name, MADE_OF_NAMES for what people make of theirs.
    """

    name: str
    column: str
    person: bool
    levels: tuple[Level, ...]
    differs_at_most: int = 99
    home: bool = False
    names: str | None = None

    def number(self, place: int) -> int:
        """The number of the level at ``place`` (from 0): the strictest has the highest, 0 differs, -1 is unknown."""
        return len(self.levels) - place


@dataclass(frozen=True)
class Part:
    """A column, or its first ``letters``."""

    column: str
    letters: int | None = None


@dataclass(frozen=True)
class Rule:
    """Records that share every part are compared."""

    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """The rule as the file writes it."""
        return " + ".join(part.column + (f"/{part.letters}" if part.letters else "") for part in self.parts)


@dataclass(frozen=True)
class Matching:
    """The whole file; shares are per cent, pairs are counts, ``worth_a_rule`` is links in 10,000."""

    comparisons: tuple[Comparison, ...]
    blocking: tuple[Rule, ...]
    pairs_per_record: int
    pairs_at_least: int
    worth_a_rule: int
    training: tuple[Rule, ...]
    seed: int
    records: int
    random_pairs: int
    pairs_per_rule: int
    pairs_compared: int
    links_right: int
    worth_a_look: int
    purpose: str
    consent_regions: tuple[str, ...]
    forbidden_regions: tuple[str, ...]


def read(path: Path = HERE / "matching.yml") -> Matching:
    """The file as it stands. Raises ContractError."""
    top = load(path, ("comparisons", "blocking", "training", "decision", "consent"))
    blocking = _section(top, "blocking", ("pairs_per_record", "pairs_at_least", "worth_a_rule", "rules"))
    training = _section(
        top, "training", ("seed", "records", "random_pairs", "pairs_per_rule", "pairs_compared", "rules")
    )
    decision = _section(top, "decision", ("links_right", "worth_a_look"))
    consent = _section(top, "consent", ("purpose", "needed_in", "forbidden_in"))
    return Matching(
        comparisons=each(
            top, "comparisons", ("name", "column", "person", "home", "names", "differs_at_most", "levels"), _comparison
        ),
        blocking=_rules(blocking),
        pairs_per_record=_count(blocking, "pairs_per_record"),
        pairs_at_least=_count(blocking, "pairs_at_least"),
        worth_a_rule=_count(blocking, "worth_a_rule"),
        training=_rules(training),
        seed=_count(training, "seed"),
        records=_count(training, "records"),
        random_pairs=_count(training, "random_pairs"),
        pairs_per_rule=_count(training, "pairs_per_rule"),
        pairs_compared=_count(training, "pairs_compared"),
        links_right=_percent(decision, "links_right"),
        worth_a_look=_percent(decision, "worth_a_look"),
        purpose=_purpose(consent),
        consent_regions=_region_codes(consent, "needed_in"),
        forbidden_regions=_region_codes(consent, "forbidden_in"),
    )


def _section(top: Entry, key: str, allowed: tuple[str, ...]) -> Entry:
    return Entry(f"{top.where}: {key}", top.values.get(key), allowed)


def _comparison(entry: Entry) -> Comparison:
    column = entry.one_of("column", TEXT_COLUMNS)
    levels = entry.values.get("levels")
    if not isinstance(levels, list) or not levels:
        raise ContractError(f"{entry.where}: levels must be a list with at least one entry.")
    allowed = ("kind", "column", "columns", "at_least", "at_most", "term_frequency")
    return Comparison(
        name=entry.text("name"),
        column=column,
        person=entry.flag("person", default=False),
        home=entry.flag("home", default=False),
        names=entry.one_of("names", (NAME, MADE_OF_NAMES)) if "names" in entry.values else None,
        levels=tuple(
            _level(Entry(f"{entry.where}: level {place}", level, allowed), column)
            for place, level in enumerate(levels, start=1)
        ),
        differs_at_most=_percent(entry, "differs_at_most") if "differs_at_most" in entry.values else 99,
    )


def _level(entry: Entry, column: str) -> Level:
    kind = entry.one_of("kind", KINDS)
    word, known = KINDS[kind]
    columns = entry.texts("columns") or (entry.text("column", column),)
    for name in columns:
        if name not in known:
            raise ContractError(f"{entry.where}: {kind} cannot look at {name!r}; it can at {', '.join(known)}.")
    if len(columns) != (2 if kind == "swapped" else 1):
        raise ContractError(f"{entry.where}: a swapped level looks at two columns and any other at one.")
    for other in {"at_least", "at_most"} - {word}:
        if other in entry.values:
            raise ContractError(f"{entry.where}: {kind} takes {word or 'no threshold'}, not {other}.")
    frequency = entry.flag("term_frequency", default=False)
    if frequency and kind != "exact":
        raise ContractError(f"{entry.where}: term_frequency needs an exact level of one column.")
    return Level(kind, columns, _count(entry, word) if word else None, frequency)


def _rules(section: Entry) -> tuple[Rule, ...]:
    found = section.values.get("rules")
    if not isinstance(found, list) or not found:
        raise ContractError(f"{section.where}: rules must be a list with at least one entry.")
    rules = tuple(_rule(f"{section.where}: rule {place}", parts) for place, parts in enumerate(found, start=1))
    seen = {rule.name for rule in rules}
    if len(seen) < len(rules):
        raise ContractError(f"{section.where}: rules holds the same rule twice; once is enough.")
    return rules


def _rule(where: str, parts: Any) -> Rule:
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise ContractError(f"{where} must be a list of columns.")
    made = []
    for part in parts:
        column, _, letters = part.partition("/")
        if column not in TEXT_COLUMNS or (letters and not letters.isdigit()):
            raise ContractError(f"{where}: {part!r} is no column of {', '.join(TEXT_COLUMNS)}, nor one with /letters.")
        made.append(Part(column, int(letters) if letters else None))
    return Rule(tuple(made))


def _purpose(entry: Entry) -> str:
    value = entry.text("purpose")
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        raise ContractError(f"{entry.where}: purpose is {value!r}; it must be a name of letters, digits and _.")
    return value


def _region_codes(entry: Entry, key: str) -> tuple[str, ...]:
    codes = entry.texts(key)
    for code in codes:
        if not re.fullmatch("[A-Z]{2}", code):
            raise ContractError(f"{entry.where}: {key} has {code!r}; regions are two capital letters (ISO 3166).")
    return codes


def _count(entry: Entry, key: str) -> int:
    value = entry.number(key)
    if value is None:
        raise ContractError(f"{entry.where} lacks {key}.")
    return value


def _percent(entry: Entry, key: str) -> int:
    value = _count(entry, key)
    if value > 99:
        raise ContractError(f"{entry.where}: {key} is a share in per cent, at most 99, not {value}.")
    return value
