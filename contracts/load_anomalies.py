"""``load_anomalies.yml``: which loads of a table are out of the ordinary, by its own past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from contracts import ContractError, owners
from contracts.reading import HERE, Entry, load
from contracts.schema_changes import ANYTHING, SEVERITIES, like

# Whole numbers, each at least 1: what a rule may set of its own.
NUMBERS = ("sensitivity", "history_days", "least_days", "least_rows", "least_hours")
COLUMNS = ("rule_rank", "table_pattern", "severity", "owner", *NUMBERS, "history_from")


@dataclass(frozen=True)
class Rule:
    """The tables it covers, by a pattern in lower case, and how they are judged.

    ``owner`` None leaves it to the mart.
    """

    table: str
    severity: str
    owner: str | None
    numbers: tuple[int, ...]
    history_from: date | None


def read(path: Path = HERE / "load_anomalies.yml") -> tuple[Rule, ...]:
    """The rules in the order of the file, the one for all the rest last. Raises ContractError."""
    top = load(path, ("defaults", "rules"))
    found = top.values.get("rules", [])
    if not isinstance(found, list):
        raise ContractError(f"{path.name}: rules must be a list; write [] for none.")
    known = {owner.name for owner in owners.read(path.with_name("owners.yml"))}
    defaults = Entry(f"{path.name}: defaults", top.values.get("defaults"), ("severity", *NUMBERS))
    rest = Rule(
        ANYTHING, defaults.one_of("severity", SEVERITIES), None, tuple(_number(defaults, key) for key in NUMBERS), None
    )
    keys = ("table", "severity", "owner", *NUMBERS, "history_from")
    entries = (Entry(f"{path.name}: rule {place}", value, keys) for place, value in enumerate(found, start=1))
    return (*(_rule(entry, rest, known) for entry in entries), rest)


def rows(rules: Sequence[Rule]) -> Iterator[tuple[str | int | None, ...]]:
    """The seed: a row for each rule, ranked as they stand."""
    for rank, rule in enumerate(rules, start=1):
        since = rule.history_from.isoformat() if rule.history_from else None
        yield (rank, like(rule.table), rule.severity, rule.owner, *rule.numbers, since)


def _rule(entry: Entry, rest: Rule, known: set[str]) -> Rule:
    table = entry.text("table")
    if not table.strip():
        raise ContractError(f"{entry.where}: table is empty; write a pattern such as salesforce.*.")
    owner = entry.text("owner") if "owner" in entry.values else None
    if owner is not None and owner not in known:
        raise ContractError(f"{entry.where}: owner is {owner!r}; it must be one of owners.yml.")
    since = entry.values.get("history_from")
    if since is not None and (not isinstance(since, date) or isinstance(since, datetime)):
        raise ContractError(f"{entry.where}: history_from is {since!r}; it must be a day such as 2026-03-01.")
    numbers = tuple(
        _number(entry, key) if key in entry.values else usual for key, usual in zip(NUMBERS, rest.numbers, strict=True)
    )
    severity = entry.one_of("severity", SEVERITIES) if "severity" in entry.values else rest.severity
    return Rule(table.lower(), severity, owner, numbers, since)


def _number(entry: Entry, key: str) -> int:
    found = entry.number(key)
    if found is None:
        raise ContractError(f"{entry.where} lacks {key}.")
    return found
