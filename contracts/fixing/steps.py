"""What a fix does to a call, one step at a time.

Every step changes the call in place and tells whether it did. None fails: what does not fit is left as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from contracts.fixing import paths
from contracts.fixing.paths import ABSENT, Path

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
# Whole numbers above are not exact as JSON's numbers in many languages.
_EXACT = 2**53
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NAMED_VERSION = ("context", "protocols", "event_version")
Kind = Literal["string", "number", "integer", "boolean"]
KINDS: tuple[Kind, ...] = ("string", "number", "integer", "boolean")


class Step(Protocol):
    """One step of a fix."""

    @property
    def touches(self) -> tuple[Path, ...]:
        """The paths it may change."""

    def apply(self, call: dict[str, Any]) -> bool:
        """Change the call; whether it did."""


@dataclass(frozen=True)
class Move:
    """``rename`` and ``copy``: the value of one path at another. What is at the other already stays there."""

    source: Path
    target: Path
    keeps: bool

    @property
    def touches(self) -> tuple[Path, ...]:
        """Both paths."""
        return (self.target,) if self.keeps else (self.source, self.target)

    def apply(self, call: dict[str, Any]) -> bool:
        """Entry by entry, where the paths lead through lists."""
        changed = False
        for place in list(paths.places(call, self.source)):
            value = paths.found(call, place)
            target = paths.beside(place, self.target)
            if value is ABSENT or paths.found(call, target) not in (ABSENT, None):
                continue
            if paths.put(call, target, value):
                changed = True
                if not self.keeps:
                    paths.remove(call, place)
        return changed


@dataclass(frozen=True)
class Put:
    """``set`` and ``default``: a fixed value; a default only where there is none or null."""

    path: Path
    value: Any
    only_missing: bool

    @property
    def touches(self) -> tuple[Path, ...]:
        """The path."""
        return (self.path,)

    def apply(self, call: dict[str, Any]) -> bool:
        """At every place of the path."""
        changed = False
        for place in list(paths.places(call, self.path)):
            held = paths.found(call, place)
            if (self.only_missing and held not in (ABSENT, None)) or _is_same(held, self.value):
                continue
            changed |= paths.put(call, place, _copied(self.value))
        return changed


@dataclass(frozen=True)
class Drop:
    """``drop``: a name and what is under it goes away."""

    path: Path

    @property
    def touches(self) -> tuple[Path, ...]:
        """The path."""
        return (self.path,)

    def apply(self, call: dict[str, Any]) -> bool:
        """At every place of the path."""
        return sum(paths.remove(call, place) for place in list(paths.places(call, self.path))) > 0


@dataclass(frozen=True)
class Cast:
    """``cast``: a value written as another type. ``decimal`` is what parts the fraction of a number in a text."""

    path: Path
    kind: Kind
    decimal: str = "."

    @property
    def touches(self) -> tuple[Path, ...]:
        """The path."""
        return (self.path,)

    def apply(self, call: dict[str, Any]) -> bool:
        """At every place of the path; a value that cannot be read so stays."""
        changed = False
        for place in list(paths.places(call, self.path)):
            held = paths.found(call, place)
            value = cast(held, self.kind, self.decimal)
            if value is not ABSENT and not _is_same(held, value):
                changed |= paths.put(call, place, value)
        return changed


@dataclass(frozen=True)
class Map:
    """``map``: known values become others; those that are not named stay, or go."""

    path: Path
    values: Mapping[str, Any]
    drops_others: bool

    @property
    def touches(self) -> tuple[Path, ...]:
        """The path."""
        return (self.path,)

    def apply(self, call: dict[str, Any]) -> bool:
        """At every place of the path. Numbers and booleans are named as JSON writes them."""
        changed = False
        for place in list(paths.places(call, self.path)):
            held = paths.found(call, place)
            name = cast(held, "string", ".")
            if name is ABSENT:
                continue
            if name not in self.values:
                changed |= self.drops_others and paths.remove(call, place)
            elif not _is_same(held, self.values[name]):
                changed |= paths.put(call, place, _copied(self.values[name]))
        return changed


@dataclass(frozen=True)
class Route:
    """``event``: the call is another event, or in another version of its plan's entry."""

    name: str | None
    version: int | None

    @property
    def touches(self) -> tuple[Path, ...]:
        """Name and version of the event."""
        return (*([("event",)] if self.name else []), *([_NAMED_VERSION] if self.version else []))

    def apply(self, call: dict[str, Any]) -> bool:
        """Name and version, as a call says them."""
        changed = False
        for path, value in ((("event",), self.name), (_NAMED_VERSION, self.version)):
            if value is not None and not _is_same(paths.found(call, path), value):
                changed |= paths.put(call, path, value)
        return changed


def cast(value: Any, kind: Kind, decimal: str) -> Any:
    """The value as another JSON type, or ABSENT when it cannot be read as one; null and absent stay as they are."""
    if isinstance(value, bool):
        return {"boolean": value, "string": str(value).lower()}.get(kind, ABSENT)
    if isinstance(value, int | float):
        if kind == "string":
            return str(value)
        if kind == "boolean":
            return bool(value) if value in (0, 1) else ABSENT
        if kind == "integer" and isinstance(value, float):
            return int(value) if value.is_integer() and abs(value) < _EXACT else ABSENT
        return value
    if not isinstance(value, str):
        return ABSENT
    text = value.strip()
    if kind == "string":
        return value
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), ABSENT)
    if _INTEGER.fullmatch(text):
        return int(text)
    if kind == "integer" or not (_COMMA if decimal == "," else _NUMBER).fullmatch(text):
        return ABSENT
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else ABSENT


def _is_same(one: Any, other: Any) -> bool:
    """Equal and of one type: for Python ``1``, ``1.0`` and ``True`` are all equal."""
    return type(one) is type(other) and bool(one == other)


def _copied(value: Any) -> Any:
    """A value of a fix is shared by all calls; a later step may change what is in it."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
