"""Reading YAML strictly: unknown keys, missing keys and wrong types are errors that name file and entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from contracts import ContractError

HERE = Path(__file__).parent

T = TypeVar("T")


class Entry:
    """One mapping of a YAML file with the words that say where it stands."""

    def __init__(self, where: str, values: object, allowed: Iterable[str]) -> None:
        """Raises ContractError when ``values`` is no mapping or holds a key that is not ``allowed``."""
        if not isinstance(values, Mapping):
            raise ContractError(f"{where} must be a mapping of names to values.")
        self.where = where
        self.values: Mapping[str, Any] = values
        names = tuple(allowed)
        for key in values:
            if key not in names:
                raise ContractError(f"{where} has the unknown key {key!r}; known are {', '.join(names)}.")

    def text(self, key: str, default: str | None = None) -> str:
        """A text. Digits must be quoted in YAML, so that a leading zero is not lost."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise ContractError(f"{self.where}: {key} must be a text, not {value!r}; put quotes around it.")
        return value

    def number(self, key: str, default: int | None = None) -> int | None:
        """A whole number of at least 1, or ``default`` where the key is absent."""
        value = self.values.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ContractError(f"{self.where}: {key} must be a whole number of at least 1, not {value!r}.")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise ContractError(f"{self.where}: {key} must be true or false, not {value!r}.")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of different texts; empty where the key is absent."""
        found = self.values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
            raise ContractError(f"{self.where}: {key} must be a list of texts; put quotes around digits and null.")
        if repeated := first_repeated(found):
            raise ContractError(f"{self.where}: {key} lists {repeated!r} twice; once is enough.")
        return tuple(found)

    def one_of(self, key: str, choices: Iterable[str]) -> str:
        """A text out of a list."""
        value = self.text(key)
        names = tuple(choices)
        if value not in names:
            raise ContractError(f"{self.where}: {key} is {value!r}; it must be one of {', '.join(names)}.")
        return value

    def _get(self, key: str, default: object) -> object:
        value = self.values.get(key, default)
        if value is None:
            raise ContractError(f"{self.where} lacks {key}.")
        return value


def load(path: Path, allowed: Iterable[str]) -> Entry:
    """The mapping at the top of a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        at = getattr(error, "problem_mark", None)
        line = f" near line {at.line + 1}" if at else ""
        raise ContractError(f"{path.name} is not valid YAML{line}: {getattr(error, 'problem', error)}.") from error
    return Entry(path.name, values, allowed)


def each(top: Entry, key: str, allowed: Iterable[str], make: Callable[[Entry], T], name: str = "name") -> tuple[T, ...]:
    """The entries of the list under ``key``, made one by one; ``name`` is the key that tells them apart."""
    values = top.values.get(key)
    if not isinstance(values, list) or not values:
        raise ContractError(f"{top.where}: {key} must be a list with at least one entry.")
    names = [value.get(name) if isinstance(value, Mapping) else None for value in values]
    if repeated := first_repeated([known for known in names if known is not None]):
        raise ContractError(f"{top.where}: {key} holds {repeated!r} twice; names must differ.")
    allowed = tuple(allowed)
    return tuple(
        make(Entry(f"{top.where}: {known or f'entry {place} of {key}'}", value, allowed))
        for place, (known, value) in enumerate(zip(names, values, strict=True), start=1)
    )


def first_repeated(values: Iterable[Any]) -> Any:
    """The first value that occurs a second time, or None."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
