"""``owners.yml``: who answers for a domain of the marts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load


@dataclass(frozen=True)
class Owner:
    """A team: the domains whose marts it answers for, and where to reach it."""

    name: str
    email: str
    domains: tuple[str, ...]


def read(path: Path = HERE / "owners.yml") -> tuple[Owner, ...]:
    """Raises ContractError."""
    owners = each(load(path, ("owners",)), "owners", ("name", "email", "domains"), _owner)
    held: dict[str, str] = {}
    for owner in owners:
        for domain in owner.domains:
            if (other := held.setdefault(domain, owner.name)) != owner.name:
                raise ContractError(f"{path.name}: {domain} has two owners, {other} and {owner.name}; keep one.")
    return owners


def _owner(entry: Entry) -> Owner:
    email = entry.text("email")
    if "@" not in email:
        raise ContractError(f"{entry.where}: {email!r} is no email address.")
    return Owner(name=entry.text("name"), email=email, domains=entry.texts("domains"))
