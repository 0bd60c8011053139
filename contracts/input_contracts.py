"""The input contracts: tables that any file can be mapped onto, as ``contracts/input/<name>.yml`` says them.

Types are ``text``, ``timestamp`` (naive UTC) and ``decimal`` (18 digits, 4 of them after the point).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "input"
TYPES = ("text", "timestamp", "decimal")


@dataclass(frozen=True)
class InputContract:
    """One contract: its key and, in order, its columns with their types."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]


def names() -> tuple[str, ...]:
    """The contracts there are, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yml")))


def load(name: str) -> InputContract:
    """One contract. Raises KeyError when there is none, ValueError when its file says something impossible."""
    import yaml

    path = FOLDER / f"{name}.yml"
    if not path.is_file():
        raise KeyError(name)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    contract = InputContract(content["name"], tuple(content["key"]), MappingProxyType(dict(content["columns"])))
    wrong = {column: kind for column, kind in contract.columns.items() if kind not in TYPES}
    if wrong or not set(contract.key) <= set(contract.columns):
        raise ValueError(f"{path.name} has columns of unknown type or a key that is no column: {wrong or contract.key}")
    return contract
