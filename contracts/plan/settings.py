"""``plan.yml``: what holds for every event of a plan, and the words its entries may use."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.plan.documents import Document, Path, Problem

FILE = "plan.yml"
EVENT_NAMES = ("Object Action", "snake_case", "any")
PROPERTY_NAMES = ("snake_case", "camelCase", "any")
UNTAGGED = "none"
_KEYS = ("title", "description", "owners", "purposes", "categories", "sources", "naming", "unplanned_events",
         "unplanned_properties", "staging_tests", "pii", "definitions")  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of a plan."""

    title: str = "Tracking plan"
    description: str = ""
    owners: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    event_names: str = "Object Action"
    property_names: str = "snake_case"
    unplanned_events: Literal["pass", "dead_letter"] = "pass"
    refuses_unplanned_properties: bool = False
    staging_tests: Literal["warn", "error"] = "warn"
    pii: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> tuple[str, ...]:
        """What ``pii`` of a property may be."""
        return (*self.pii, UNTAGGED)

    def suspected(self, name: str, *, of_traits: bool) -> str | None:
        """The tag that a property's name asks for, or None."""
        words = _words(name)
        for tag, patterns in self.pii.items():
            for pattern in patterns:
                plain = pattern.removeprefix("traits.")
                if (plain == pattern or of_traits) and fnmatch.fnmatchcase(words, plain):
                    return tag
        return None


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def read(document: Document) -> tuple[Settings, list[Problem]]:
    """The settings in ``document`` and what is wrong with it; what cannot be read is left at its default."""
    values, problems = document.values, list[Problem]()

    def say(path: Path, message: str) -> None:
        problems.append(document.problem(path, "settings", message))

    if not isinstance(values, Mapping):
        say((), "must be a mapping of settings.")
        return Settings(), problems
    for key in values:
        if key not in _KEYS:
            say((key,), f"the setting {key!r} is unknown; known are {', '.join(_KEYS)}.")

    def text(key: str, default: str) -> str:
        value = values.get(key, default)
        if isinstance(value, str):
            return value
        say((key,), f"{key} must be a text.")
        return default

    def words(key: str) -> Mapping[str, str]:
        value = values.get(key, {})
        if isinstance(value, Mapping) and all(isinstance(said, str) for said in value.values()):
            return value
        say((key,), f"{key} must be a mapping of names to texts that explain them.")
        return {}

    def one_of(holder: Mapping[str, Any], path: Path, choices: tuple[str, ...]) -> Any:
        value = holder.get(str(path[-1]), choices[0])
        if value in choices:
            return value
        say(path, f"{path[-1]} is {value!r}; it must be one of {', '.join(choices)}.")
        return choices[0]

    naming = values.get("naming", {})
    if not isinstance(naming, Mapping) or set(naming) - {"events", "properties"}:
        say(("naming",), "naming must be a mapping of events and properties to a rule.")
        naming = {}
    pii = values.get("pii", {})
    if not isinstance(pii, Mapping) or not all(_texts(patterns) for patterns in pii.values()):
        say(("pii",), "pii must be a mapping of tags to lists of names, * stands for anything.")
        pii = {}
    if UNTAGGED in pii:
        say(("pii", UNTAGGED), f"{UNTAGGED} is what a property says that holds no personal data; choose another tag.")
    definitions = values.get("definitions", {})
    if not isinstance(definitions, Mapping) or not all(isinstance(one, Mapping) for one in definitions.values()):
        say(("definitions",), "definitions must be a mapping of names to schemas.")
        definitions = {}
    return (
        Settings(
            title=text("title", "Tracking plan"),
            description=text("description", ""),
            owners=words("owners"),
            purposes=words("purposes"),
            categories=words("categories"),
            sources=words("sources"),
            event_names=one_of(naming, ("naming", "events"), EVENT_NAMES),
            property_names=one_of(naming, ("naming", "properties"), PROPERTY_NAMES),
            unplanned_events=one_of(values, ("unplanned_events",), ("pass", "dead_letter")),
            refuses_unplanned_properties=one_of(values, ("unplanned_properties",), ("pass", "refuse")) == "refuse",
            staging_tests=one_of(values, ("staging_tests",), ("warn", "error")),
            pii={tag: tuple(patterns) for tag, patterns in pii.items()},
            definitions=definitions,
        ),
        problems,
    )


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
