"""One event in one version, as its file in the plan's folder says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.plan import schemas, settings
from contracts.plan.documents import Document, Problem, Unreadable, parse

Action = Literal["pass", "strip", "dead_letter"]
ACTIONS = ("pass", "strip", "dead_letter")
# Kind of call: where its facts stand.
BODIES = {"track": "properties", "page": "properties", "screen": "properties", "identify": "traits", "group": "traits"}
_KEYS = ("name", "type", "version", "owner", "description", "category", "purpose", "on_violation", "sources",
         "deprecated", "properties", "traits")  # fmt: skip
_MOST_NAME = 200


@dataclass(frozen=True)
class Event:
    """An event of a plan in one version; ``schema`` is that of its properties or traits, references written out."""

    file: str
    type: str
    name: str
    version: int
    owner: str
    description: str
    category: str
    purpose: str
    on_violation: Action
    sources: tuple[str, ...]
    deprecated: str | None
    schema: schemas.Schema
    document: Document

    @property
    def body(self) -> str:
        """Where the facts stand: ``properties`` or ``traits``."""
        return BODIES[self.type]

    @property
    def slug(self) -> str:
        """The name as file and model names spell it."""
        return slug(self.name)


@dataclass(frozen=True)
class Plan:
    """The files of a plan as read, with what is wrong with them."""

    settings: settings.Settings
    events: tuple[Event, ...]
    problems: tuple[Problem, ...]


def slug(name: str) -> str:
    """Lower case with underscores: ``Order Completed`` is ``order_completed``."""
    broken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", broken.lower()).strip("_")


def read(files: Mapping[str, str]) -> Plan:
    """A plan from the text of its files by name. Nothing is raised: what is wrong stands in ``problems``."""
    problems: list[Problem] = []
    documents = {}
    for name in sorted(files):
        try:
            documents[name] = parse(name, files[name])
        except Unreadable as error:
            problems.append(error.problem)
    if settings.FILE not in files:
        problems.append(Problem(settings.FILE, 1, "settings", "is missing; a plan's settings stand in it."))
    rules = settings.Settings()
    if settings.FILE in documents:
        document = documents.pop(settings.FILE)
        rules, found = settings.read(document)
        problems += found
        reading = schemas.Reading(document, rules.definitions, rules.tags)
        for name, values in rules.definitions.items():
            reading.schema(values, ("definitions", name), (name,))
        problems += reading.problems
    events = []
    for document in documents.values():
        event, found = _event(document, rules)
        problems += found
        if event is not None:
            events.append(event)
    events.sort(key=lambda event: (event.type != "track", event.type, event.name, event.version))
    problems += _repeated(events)
    return Plan(rules, tuple(events), tuple(sorted(problems)))


def _event(document: Document, rules: settings.Settings) -> tuple[Event | None, list[Problem]]:
    values, problems = document.values, list[Problem]()

    def say(key: str, message: str) -> None:
        problems.append(document.problem((key,), "entry", message))

    if not isinstance(values, Mapping):
        return None, [document.problem((), "entry", "must be a mapping that describes one event.")]
    for key in values:
        if key not in _KEYS:
            say(key, f"the key {key!r} is unknown; known are {', '.join(_KEYS)}.")

    def text(key: str, default: str | None = None) -> str:
        value = values.get(key, default)
        if not isinstance(value, str) or not value.strip():
            say(key, f"{key} is missing." if value is None else f"{key} must be a text.")
            return default or ""
        return value.strip()

    kind = text("type", "track")
    if kind not in BODIES:
        say("type", f"type is {kind!r}; it must be one of {', '.join(BODIES)}.")
        return None, problems
    name = text("name", None if kind == "track" else kind.capitalize())
    if kind != "track" and name != kind.capitalize():
        say("name", f"all {kind} calls have one entry; its name is {kind.capitalize()!r} and may be left out.")
    if len(name) > _MOST_NAME or not slug(name)[:1].isalpha() or not name.isprintable() or set(name) & set("{}\\"):
        say("name", f"a name begins with a letter, has at most {_MOST_NAME} printable characters, and no {{, }} or \\.")
    version = values.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        say("version", "version must be a whole number of at least 1.")
        version = 0
    action = text("on_violation", "pass")
    if action not in ACTIONS:
        say("on_violation", f"on_violation is {action!r}; it must be one of {', '.join(ACTIONS)}.")
        action = "pass"
    sources = values.get("sources", [])
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        say("sources", "sources must be a list of names.")
        sources = []
    for key, known in (("owner", rules.owners), ("purpose", rules.purposes), ("category", rules.categories)):
        if isinstance(values.get(key), str) and values[key].strip() not in known:
            say(key, f"{key} is {values[key]!r}, which {settings.FILE} does not name.")
    for source in sources:
        if source not in rules.sources:
            say("sources", f"the source {source!r} is none that {settings.FILE} names.")
    body, other = BODIES[kind], "traits" if BODIES[kind] == "properties" else "properties"
    if other in values:
        say(other, f"a {kind} call has {body}, not {other}.")
    reading = schemas.Reading(document, rules.definitions, rules.tags)
    schema: Any = reading.object(values.get(body, {"type": "object"}), (body,))
    problems += reading.problems
    event = Event(
        file=document.file,
        type=kind,
        name=name,
        version=version,
        owner=text("owner"),
        description=text("description"),
        category=text("category"),
        purpose=text("purpose"),
        on_violation=action,  # type: ignore[arg-type]  # one of ACTIONS, as checked
        sources=tuple(sources),
        deprecated=text("deprecated") if "deprecated" in values else None,
        schema=schema,
        document=document,
    )
    return event, problems


def _repeated(events: list[Event]) -> list[Problem]:
    problems = []
    held: dict[tuple[str, str, int], Event] = {}
    names: dict[tuple[str, str], Event] = {}
    for event in events:
        if (other := held.setdefault((event.type, event.name, event.version), event)) is not event:
            message = f"{event.name} has its version {event.version} in {other.file} already."
            problems.append(event.document.problem(("version",), "entry", message))
        first = names.setdefault((event.type, event.slug), event)
        if first.name != event.name:
            message = f"{event.name!r} and {first.name!r} of {first.file} differ in spelling only; keep one."
            problems.append(event.document.problem(("name",), "entry", message))
    return problems
