"""The part of JSON Schema (2020-12) a plan may use: what `lint`, `diff` and the staging models all understand.

No combinations (`anyOf`, `not`) and no references to elsewhere: a property has types, limits and a description. `pii`
is a keyword of ours. `$ref: "#/definitions/<name>"` takes a schema from plan.yml; it is written out while reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from contracts.plan.documents import Document, Path, Problem

Schema = Mapping[str, Any]

TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
FORMATS = ("date-time", "date", "time", "email", "uri", "uuid", "ipv4", "ipv6", "hostname")
# Deeper than anybody reads; a limit keeps every walk over a schema shallow.
DEEPEST = 12
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_REFERENCE = re.compile(r"#/definitions/([A-Za-z0-9_]+)")
_WORDS = ("description", "title", "pii", "format", "pattern", "$ref")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
# Which type a keyword speaks of; with another it would be written down and never checked.
_SPEAKS_OF = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), ("string",)),
    **dict.fromkeys(_NUMBERS, ("number", "integer")),
    **dict.fromkeys(("minItems", "maxItems", "items"), ("array",)),
    **dict.fromkeys(("properties", "required", "additionalProperties"), ("object",)),
}
_KEYWORDS = ("type", "enum", "const", "examples", *_WORDS, *_COUNTS, *_NUMBERS, "items", "properties", "required",
             "additionalProperties")  # fmt: skip


def types_of(schema: Schema) -> tuple[str, ...]:
    """The types a schema allows, in its own order; all of them where it names none."""
    named = schema.get("type")
    if named is None:
        values = values_of(schema)
        return TYPES if values is None else tuple(dict.fromkeys(type_of(value) for value in values))
    return (named,) if isinstance(named, str) else tuple(named)


def values_of(schema: Schema) -> tuple[Any, ...] | None:
    """The values a schema lists, or None where it lists none."""
    if "const" in schema:
        return (schema["const"],)
    return tuple(schema["enum"]) if "enum" in schema else None


def type_of(value: Any) -> str:
    """The name JSON Schema has for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) or value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def properties_of(schema: Schema) -> Mapping[str, Schema]:
    """The properties of an object's schema, in the order of the file."""
    found: Mapping[str, Schema] = schema.get("properties", {})
    return found


def walk(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Each property's schema below ``schema`` with its path in the file, those inside arrays included."""
    for name, inner in properties_of(schema).items():
        here = (*path, "properties", name)
        yield here, inner
        yield from walk(inner, here)
    if "items" in schema:
        yield from walk(schema["items"], (*path, "items"))


class Reading:
    """Checks schemas of one file and writes references out; what is wrong goes to ``problems``."""

    def __init__(self, document: Document, definitions: Mapping[str, Any], tags: tuple[str, ...]) -> None:
        """``definitions`` are those of plan.yml, ``tags`` what ``pii`` may be."""
        self.document = document
        self.definitions = definitions
        self.tags = tags
        self.problems: list[Problem] = []

    def object(self, values: Any, path: Path) -> Schema:
        """The schema of an event's properties or traits: an object by nature."""
        found = self.schema(values, path)
        if isinstance(values, Mapping) and types_of(found) != ("object",):
            self._say(path, "must have `type: object`.")
        return found

    def schema(self, values: Any, path: Path, used: tuple[str, ...] = (), depth: int = 0) -> Schema:
        """The schema at ``path`` with references written out; what cannot be read is left out of it."""
        if not isinstance(values, Mapping):
            self._say(path, "must be a JSON Schema: a mapping of keywords.")
            return {}
        if depth > DEEPEST:
            self._say(path, f"lies more than {DEEPEST} levels deep.")
            return {}
        if "$ref" in values:
            return self._referred(values, path, used, depth)
        found: dict[str, Any] = {}
        for key, value in values.items():
            here = (*path, key)
            if key not in _KEYWORDS:
                self._say(here, f"the keyword {key!r} is not one a plan may use; known are {', '.join(_KEYWORDS)}.")
            elif key == "properties":
                found[key] = self._properties(value, here, used, depth)
            elif key == "items":
                found[key] = self.schema(value, here, used, depth + 1)
            elif (wrong := _WRONG.get(key, _nothing)(value)) is not None:
                self._say(here, f"{key} {wrong}.")
            elif key == "pii" and value not in self.tags:
                self._say(here, f"pii is {value!r}; it must be one of {', '.join(self.tags)}.")
            else:
                found[key] = value
        self._consistent(found, path)
        return found

    def _referred(self, values: Mapping[str, Any], path: Path, used: tuple[str, ...], depth: int) -> Schema:
        here = (*path, "$ref")
        target = values["$ref"]
        match = _REFERENCE.fullmatch(target) if isinstance(target, str) else None
        if match is None or match[1] not in self.definitions:
            self._say(here, f"{target!r} leads nowhere; write `#/definitions/` and a name from plan.yml.")
            return {}
        if match[1] in used:
            self._say(here, f"the definition {match[1]} holds itself.")
            return {}
        beside = {key: value for key, value in values.items() if key != "$ref"}
        if unknown := [key for key in beside if key not in ("description", "pii")]:
            self._say((*path, unknown[0]), f"beside $ref only description and pii may stand, not {unknown[0]!r}.")
            return {}
        merged = {**self.definitions[match[1]], **beside}
        return self.schema(merged, path, (*used, match[1]), depth + 1)

    def _properties(self, values: Any, path: Path, used: tuple[str, ...], depth: int) -> Mapping[str, Schema]:
        if not isinstance(values, Mapping):
            self._say(path, "properties must be a mapping of names to schemas.")
            return {}
        found = {}
        for name, value in values.items():
            if not _NAME.fullmatch(name):
                # Names become columns and JSON paths: what needs quoting there is refused here.
                self._say((*path, name), f"{name!r} is no name: letters, digits and _, at most 63, no digit first.")
            found[name] = self.schema(value, (*path, name), used, depth + 1)
        return found

    def _consistent(self, schema: Schema, path: Path) -> None:
        types = types_of(schema)
        for key in schema:
            if key in _SPEAKS_OF and not set(types) & set(_SPEAKS_OF[key]):
                self._say((*path, key), f"{key} says nothing of {' or '.join(types)}; leave it out or change the type.")
        if "const" in schema and "enum" in schema:
            self._say((*path, "const"), "const and enum stand together; a value has to be both, so keep one of them.")
        for name in schema.get("required", ()):
            if name not in properties_of(schema):
                self._say((*path, "required"), f"{name} is required and not among the properties.")
        for value in values_of(schema) or ():
            if not fits(type_of(value), types):
                self._say(path, f"a value it lists, {value!r}, is none of its type, {' or '.join(types)}.")
        for least, most in (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")):
            if least in schema and most in schema and schema[least] > schema[most]:
                self._say((*path, least), f"{least} is above {most}: nothing fits.")

    def _say(self, path: Path, message: str) -> None:
        name = _named(path)
        self.problems.append(self.document.problem(path, "schema", f"{name}: {message}" if name else message))


def fits(kind: str, allowed: tuple[str, ...]) -> bool:
    """Whether a value of this type is one of the ``allowed``; an integer is a number."""
    return kind in allowed or (kind == "integer" and "number" in allowed)


def _named(path: Path) -> str:
    """A path as people say it: ``properties.products[].price``."""
    words: list[str] = []
    rest = list(path)
    while rest:
        step = rest.pop(0)
        if step == "items" and words:
            words[-1] += "[]"
        elif step == "properties" and words and rest:
            words.append(str(rest.pop(0)))
        else:
            words.append(str(step))
    return ".".join(words)


def _nothing(value: Any) -> str | None:
    return None


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _wrong_type(value: Any) -> str | None:
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or not named or any(name not in TYPES for name in named):
        return f"must be one of {', '.join(TYPES)}, or a list of them"
    return "names a type twice" if len(set(named)) < len(named) else None


def _wrong_enum(value: Any) -> str | None:
    if not isinstance(value, list) or not value or not all(map(_scalar, value)):
        return "must be a list of texts, numbers, true, false or null; put quotes around dates"
    return "lists a value twice" if len({(type_of(item), item) for item in value}) < len(value) else None


def _wrong_pattern(value: Any) -> str | None:
    import jsonschema_rs

    if not isinstance(value, str):
        return "must be a regular expression"
    try:
        jsonschema_rs.Draft202012Validator({"pattern": value}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError):
        return f"{value!r} does not parse, or looks ahead or back, which cannot be matched in bounded time"
    return None


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a text"


def _count(value: Any) -> str | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if fine else "must be a whole number of at least 0"


def _number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "must be a number"


def _positive(value: Any) -> str | None:
    return _number(value) or (None if value > 0 else "must be above 0")


def _texts(value: Any) -> str | None:
    fine = isinstance(value, list) and all(isinstance(item, str) for item in value) and len(set(value)) == len(value)
    return None if fine else "must be a list of different texts"


_WRONG: Mapping[str, Callable[[Any], str | None]] = {
    "type": _wrong_type,
    "enum": _wrong_enum,
    "const": lambda value: None if _scalar(value) else "must be a text, number, true, false or null",
    "examples": lambda value: None if isinstance(value, list) else "must be a list",
    "description": _text,
    "title": _text,
    "pii": _text,
    "pattern": _wrong_pattern,
    "format": lambda value: None if value in FORMATS else f"must be one of {', '.join(FORMATS)}",
    **dict.fromkeys(_COUNTS, _count),
    **dict.fromkeys(_NUMBERS, _number),
    "multipleOf": _positive,
    "required": _texts,
    "additionalProperties": lambda value: None if isinstance(value, bool) else "must be true or false",
}
