"""``docs/data-dictionary.md``: every mart and every column of it, from the properties that dbt reads.

Written for readers without dbt, committed, and kept in step like the seeds: what a mart is, who answers for it, what a
column holds, in which type, and what it never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts import ContractError, derived, owners
from contracts.reading import HERE

MODELS, FOLDER, NAME = HERE.parent / "models", HERE.parent / "docs", "data-dictionary.md"
_BLOCK = re.compile(r"\{%-?\s*docs\s+(\w+)\s*-?%\}(.*?)\{%-?\s*enddocs\s*-?%\}", re.DOTALL)
_DOC = re.compile(r"\{\{\s*doc\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")
# Other models of the folder are on the way to a mart, and nobody else's.
_INNER = "int_"


@dataclass(frozen=True)
class Mart:
    """A mart as its properties say; ``columns`` in their order."""

    name: str
    domain: str
    description: str
    columns: tuple[Mapping[str, Any], ...]


def rendered(models: Path = MODELS, contracts: Path = HERE) -> Mapping[str, str]:
    """Name and content of the file. Raises ContractError where a property cannot be read or a doc block is missing."""
    marts = read(models)
    answering = {domain: owner for owner in owners.read(contracts / "owners.yml") for domain in owner.domains}
    return {NAME: "\n".join(_page(marts, answering)) + "\n"}


def build(models: Path = MODELS, folder: Path = FOLDER) -> list[Path]:
    """Write the file when it is missing or stale; returns what changed."""
    return derived.write(rendered(models), folder, ())


def check(models: Path = MODELS, folder: Path = FOLDER) -> list[Path]:
    """The file when it is missing or stale."""
    return derived.stale(rendered(models), folder, ())


def read(models: Path = MODELS) -> tuple[Mart, ...]:
    """Every mart by domain and name. Raises ContractError."""
    blocks = {
        name: " ".join(text.split())
        for path in sorted(models.rglob("*.md"))
        for name, text in _BLOCK.findall(path.read_text(encoding="utf-8"))
    }
    found = []
    for path in sorted((models / "marts").rglob("_*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ContractError(f"{path.name} is not valid YAML: {getattr(error, 'problem', error)}.") from error
        for model in content.get("models") or []:
            if not model["name"].startswith(_INNER):
                found.append(_mart(model, path, blocks))
    return tuple(sorted(found, key=lambda mart: (mart.domain, mart.name)))


def _mart(model: Mapping[str, Any], path: Path, blocks: Mapping[str, str]) -> Mart:
    columns = tuple(
        {**column, "description": _told(column.get("description", ""), blocks, path)}
        for column in model.get("columns") or []
    )
    return Mart(model["name"], path.parent.name, _told(model.get("description", ""), blocks, path), columns)


def _told(text: str, blocks: Mapping[str, str], path: Path) -> str:
    def block(found: re.Match[str]) -> str:
        if found[1] not in blocks:
            raise ContractError(f"{path.name} refers to the doc block {found[1]!r}, and no .md file of models/ has it.")
        return blocks[found[1]]

    return " ".join(_DOC.sub(block, text).split())


def _page(marts: Sequence[Mart], answering: Mapping[str, owners.Owner]) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Every mart and its columns, written by `braid contracts build` from `models/marts`. Times are UTC. A column"
    yield "marked *key* is never empty and never twice; *set* is never empty; *pii* is about a person."
    domain = None
    for mart in marts:
        if mart.domain != domain:
            domain = mart.domain
            if domain not in answering:
                raise ContractError(f"owners.yml names nobody for the domain {domain}, which has marts; add an owner.")
            owner = answering[domain]
            yield from ("", f"## {domain.capitalize()}", "", f"Answered for by `{owner.name}` ({owner.email}).")
        yield from ("", f"### {mart.name}", "", mart.description, "", "| column | type | | |", "|---|---|---|---|")
        for column in mart.columns:
            kind, marks = column.get("data_type", ""), ", ".join(_marks(column))
            yield f"| `{column['name']}` | {kind} | {marks} | {column['description'].replace('|', '&#124;')} |"


def _marks(column: Mapping[str, Any]) -> Iterator[str]:
    tests = [test if isinstance(test, str) else next(iter(test)) for test in column.get("data_tests") or []]
    if "not_null" in tests:
        yield "*key*" if "unique" in tests else "*set*"
    if "pii" in ((column.get("config") or {}).get("tags") or []):
        yield "*pii*"
