"""What a plan's files should be and a judge can live without: names, descriptions, tags, file names, columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from contracts.plan import columns, events, schemas, settings
from contracts.plan.documents import Path, Problem

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CAMEL = re.compile(r"[a-z][A-Za-z0-9]*")
# Title case: words of letters and digits, each with a capital first; the last is the action.
_WORD = re.compile(r"[A-Z0-9][A-Za-z0-9]*")
# Words that say what was done end so; those that do not are listed.
_DONE = re.compile(
    r"[A-Za-z]+(ed|en|wn|ft|nt|ught|lt|pt)|"
    r"Up|In|Out|Off|On|Down|Read|Put|Cut|Set|Hit|Begun|Run|Won|Made|Said|Paid|Told|Sold|Held|Met|Done|Got|Found|Led|Fed"
)


def lint(files: Mapping[str, str]) -> list[Problem]:
    """Everything wrong with a plan, in the order of files and lines; empty when all is well."""
    read = events.read(files)
    problems = list(read.problems)
    for event in read.events:
        problems += _event(event, read.settings)
    problems += columns.conflicts(read.events)
    return sorted(set(problems))


def _event(event: events.Event, rules: settings.Settings) -> Iterator[Problem]:
    document = event.document
    expected = f"{event.slug if event.type == 'track' else event.type}.v{event.version}.yml"
    if event.version and event.file != expected:
        yield document.problem(("name",), "file_name", f"the file of this event and version is called {expected}.")
    if event.type == "track" and (said := _misnamed(event.name, rules.event_names)):
        yield document.problem(("name",), "event_name", f"{event.name!r} {said}.")
    for path, schema in schemas.walk(event.schema, (event.body,)):
        name = str(path[-1])
        if said := _misspelt(name, rules.property_names):
            yield document.problem(path, "property_name", f"{name!r} {said}.")
        if "description" not in schema:
            yield document.problem(path, "description", f"{name} has no description.")
        if "type" not in schema and schemas.values_of(schema) is None:
            yield document.problem(path, "type", f"{name} has no type: anything would do.")
        tag = rules.suspected(name, of_traits=event.body == "traits" and len(path) == len((event.body, "", "")))
        if tag is not None and "pii" not in schema:
            message = f"{name} looks personal: say `pii: {tag}`, or `pii: {settings.UNTAGGED}` when it is not."
            yield document.problem(path, "pii", message)
        yield from _formats(event, path, schema)


def _formats(event: events.Event, path: Path, schema: schemas.Schema) -> Iterator[Problem]:
    if str(path[-1]).endswith("_at") and schemas.types_of(schema) == ("string",) and "format" not in schema:
        message = f"{path[-1]} is a time by its name: say `format: date-time`, and it becomes a timestamp."
        yield event.document.problem(path, "format", message)


def _misnamed(name: str, rule: str) -> str | None:
    if rule == "snake_case" and not _SNAKE.fullmatch(name):
        return "is not snake_case, which this plan's events are"
    if rule == "Object Action":
        words = name.split(" ")
        if len(words) < 2 or not all(_WORD.fullmatch(word) for word in words) or not _DONE.fullmatch(words[-1]):
            return "is not an object and what was done to it, in title case, as `Order Completed` is"
    return None


def _misspelt(name: str, rule: str) -> str | None:
    if rule == "snake_case" and not _SNAKE.fullmatch(name):
        return "is not snake_case, which this plan's properties are"
    if rule == "camelCase" and not _CAMEL.fullmatch(name):
        return "is not camelCase, which this plan's properties are"
    return None
