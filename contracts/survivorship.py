"""``survivorship.yml``: which record's value becomes the customer's, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.identifiers import RECORD_SOURCES
from contracts.reading import HERE, Entry, each, load

RULES = ("most_recent", "most_trusted", "most_frequent", "longest", "smallest", "largest")
# The fields models/identity offers; customer_master has a column and a `<field>_from` for each.
FIELDS = (
    "email",
    "phone",
    "user_id",
    "given_name",
    "family_name",
    "date_of_birth",
    "company",
    "job_title",
    "street",
    "city",
    "postal_code",
    "country",
)


@dataclass(frozen=True)
class FieldRule:
    """A field, its rule, and the record sources it trusts, most trusted first; each source appears once."""

    name: str
    rule: str
    trust: tuple[str, ...]


def read(path: Path = HERE / "survivorship.yml") -> tuple[FieldRule, ...]:
    """Rules in the order of FIELDS, one each. Raises ContractError."""
    top = load(path, ("default_trust", "fields"))
    default = _trust(top, "default_trust")
    rules = {rule.name: rule for rule in each(top, "fields", ("name", "rule", "trust"), lambda e: _field(e, default))}
    if missing := [field for field in FIELDS if field not in rules]:
        raise ContractError(f"{path.name}: {missing[0]} has no rule; each field needs one.")
    return tuple(rules[field] for field in FIELDS)


def _field(entry: Entry, default: tuple[str, ...]) -> FieldRule:
    name = entry.one_of("name", FIELDS)
    trust = _trust(entry, "trust") if "trust" in entry.values else default
    return FieldRule(name=name, rule=entry.one_of("rule", RULES), trust=trust)


def _trust(entry: Entry, key: str) -> tuple[str, ...]:
    found = entry.texts(key)
    if sorted(found) != sorted(RECORD_SOURCES):
        raise ContractError(f"{entry.where}: {key} must list each of {', '.join(RECORD_SOURCES)} once.")
    return found
