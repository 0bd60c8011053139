"""``households.yml``: what customers share who live together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

# What models/identity/int_identity__household_values.sql knows of a customer.
PARTS = ("address", "family_name", "phone")


@dataclass(frozen=True)
class HouseholdRule:
    """Parts that two customers share, and how many customers may share one value of it."""

    name: str
    description: str
    parts: tuple[str, ...]
    most_customers: int


def read(path: Path = HERE / "households.yml") -> tuple[HouseholdRule, ...]:
    """The rules, as they stand in the file. Raises ContractError."""
    top = load(path, ("rules",))
    return each(top, "rules", ("name", "description", "parts", "most_customers"), _rule)


def _rule(entry: Entry) -> HouseholdRule:
    parts = entry.texts("parts")
    for part in parts:
        if part not in PARTS:
            raise ContractError(f"{entry.where}: {part!r} is no part of a household; there are {', '.join(PARTS)}.")
    if len(parts) < 2:
        raise ContractError(f"{entry.where} needs at least two parts: one alone is shared by strangers.")
    most = entry.number("most_customers")
    if most is None or most < 2:
        raise ContractError(f"{entry.where}: most_customers must be a whole number of at least 2.")
    return HouseholdRule(entry.text("name"), entry.text("description"), parts, most)
