"""``email_providers.yml``: mailboxes with more than one spelling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, first_repeated, load


@dataclass(frozen=True)
class EmailProvider:
    """A provider: its domains (all lead to the mailbox at the first), and what it ignores before the at sign."""

    name: str
    domains: tuple[str, ...]
    same_mailbox: bool
    ignores_dots: bool
    tag_separator: str


def read(path: Path = HERE / "email_providers.yml") -> tuple[EmailProvider, ...]:
    """Raises ContractError."""
    keys = ("name", "domains", "same_mailbox", "ignores_dots", "tag_separator")
    providers = each(load(path, ("providers",)), "providers", keys, _provider)
    if repeated := first_repeated(domain for provider in providers for domain in provider.domains):
        raise ContractError(f"{path.name}: {repeated!r} stands at two providers; a domain has one.")
    return providers


def _provider(entry: Entry) -> EmailProvider:
    domains = entry.texts("domains")
    if not domains or any(domain != domain.lower() or "." not in domain for domain in domains):
        raise ContractError(f"{entry.where}: domains must be at least one, in lower case and with a point.")
    separator = entry.text("tag_separator", "")
    if separator not in ("", "+", "-"):
        raise ContractError(f"{entry.where}: tag_separator is {separator!r}; it must be +, - or empty.")
    return EmailProvider(
        name=entry.text("name"),
        domains=domains,
        same_mailbox=entry.flag("same_mailbox", False),
        ignores_dots=entry.flag("ignores_dots", False),
        tag_separator=separator,
    )
