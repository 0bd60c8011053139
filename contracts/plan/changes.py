"""What changed between two revisions of a plan, and what of it breaks somebody.

Breaking is what makes calls that kept to the old plan violate the new one (a property made required, a type or limit
narrowed), and what takes away or retypes something that models and people read (an event, a property, a column). A new
version of the event may do all of it: only changes inside a version are judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from contracts.plan import events
from contracts.plan.columns import models
from contracts.plan.events import Event
from contracts.plan.schema_changes import Difference, differences

Severity = Literal["breaking", "notice", "compatible"]
SEVERITIES: tuple[Severity, ...] = ("breaking", "notice", "compatible")


@dataclass(frozen=True)
class Change:
    """One change; ``version`` is null for the plan's settings, ``path`` empty for an event as a whole."""

    severity: Severity
    rule: str
    event: str
    version: int | None
    path: str
    message: str
    file: str


def changes(old: events.Plan, new: events.Plan) -> list[Change]:
    """What changed, the worst first, then by event."""
    found = [*_settings(old, new), *_events(old, new), *_columns(old.events, new.events)]
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.event, one.version or 0, one.path))


def _settings(old: events.Plan, new: events.Plan) -> Iterator[Change]:
    for name, said in (
        ("unplanned_events", "what happens to an event that is not in the plan"),
        ("refuses_unplanned_properties", "whether properties outside the plan are refused"),
        ("staging_tests", "whether a broken rule in staging stops the build"),
    ):
        before, after = getattr(old.settings, name), getattr(new.settings, name)
        if before != after:
            message = f"{said}: {before} became {after}"
            yield Change("notice", "setting", "", None, name, message, "plan.yml")


def _events(old: events.Plan, new: events.Plan) -> Iterator[Change]:
    before = {(event.type, event.name, event.version): event for event in old.events}
    after = {(event.type, event.name, event.version): event for event in new.events}
    kept = {key[:2] for key in after}
    gone: dict[tuple[str, str], list[Event]] = {}
    for key, event in before.items():
        if key in after:
            yield from _version(event, after[key], old, new)
        elif key[:2] in kept:
            yield _removed(event, "version_removed", f"version {event.version} is gone", event.deprecated is not None)
        else:
            gone.setdefault(key[:2], []).append(event)
    for versions in gone.values():
        deprecated = all(event.deprecated is not None for event in versions)
        yield _removed(versions[-1], "event_removed", "the event is gone", deprecated)
    known = {key[:2] for key in before}
    for key, event in after.items():
        if key not in before:
            rule = "version_added" if key[:2] in known else "event_added"
            message = f"version {event.version} is new" if key[:2] in known else "is new"
            yield Change("compatible", rule, event.name, event.version, "", message, event.file)


def _removed(event: Event, rule: str, message: str, deprecated: bool) -> Change:
    if deprecated:
        return Change("notice", rule, event.name, event.version, "", f"{message}, as its deprecation said", event.file)
    message = f"{message}; say `deprecated` with a reason first, and remove it when nobody sends it"
    return Change("breaking", rule, event.name, event.version, "", message, event.file)


def _version(before: Event, after: Event, old: events.Plan, new: events.Plan) -> Iterator[Change]:
    def change(severity: Severity, rule: str, path: str, message: str) -> Change:
        return Change(severity, rule, after.name, after.version, path, message, after.file)

    refused = old.settings.refuses_unplanned_properties, new.settings.refuses_unplanned_properties
    found: Iterable[Difference] = differences(_closed(before, refused[0]), _closed(after, refused[1]), after.body)
    for one in found:
        yield change(one.severity, one.rule, one.path, one.message)
    lost = set(before.sources) - set(after.sources) if before.sources else set()
    if after.sources and (lost or not before.sources):
        said = f"{', '.join(sorted(lost))} may send it no longer" if lost else "only some sources may send it now"
        yield change("breaking", "source_removed", "", f"{said}: it was {', '.join(before.sources) or 'any'}")
    elif before.sources != after.sources:
        yield change("compatible", "source_added", "", f"{', '.join(after.sources) or 'any source'} may send it")
    for name in ("owner", "category", "purpose", "on_violation", "deprecated"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield change("notice", name, "", f"{name} was {was or 'not set'} and is {now or 'not set'}")
    if before.description != after.description:
        yield change("compatible", "description", "", "is described in other words")


def _closed(event: Event, refused: bool) -> dict[str, object]:
    schema = dict(event.schema)
    if refused:
        schema.setdefault("additionalProperties", False)
    return schema


def _columns(old: Iterable[Event], new: Iterable[Event]) -> Iterator[Change]:
    """Columns of staging models that a new version retyped: calls of older versions move to a column of theirs."""
    before = {(model.name, column.name): column for model in models(old) for column in model.columns}
    known = {(event.type, event.name, event.version) for event in old}
    for model in models(new):
        newest = model.newest
        if (newest.type, newest.name, newest.version) in known:
            continue
        for column in model.columns:
            was = before.get((model.name, column.name))
            if was is not None and was.kind != column.kind:
                path = f"{newest.body}.{column.property}"
                message = f"the column {model.name}.{column.name} was {was.kind} and is {column.kind}; "
                message += f"earlier versions are in {column.name}_v{max(was.versions)}"
                yield Change("notice", "column", newest.name, newest.version, path, message, newest.file)
