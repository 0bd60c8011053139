"""What is wrong with an event's properties, told without saying what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from contracts.plan import schemas
from contracts.plan.verdicts import Violation

# More violations than this say nothing new of an event; what strips is not bounded by it.
MOST = 50
# An unplanned name that looks like one a programmer wrote; others may be data (an address as a key).
_SHOWN = re.compile(r"[A-Za-z_$][A-Za-z_$ .-]{0,40}[0-9]{0,2}")
_HIDDEN = "(a name not shown)"


def validator(schema: schemas.Schema) -> Any:
    """A compiled validator: formats are checked, patterns matched in linear time, nothing fetched from anywhere."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        dict(schema), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong: the violations, the top-level properties that strip, and whether it is the whole."""

    violations: tuple[Violation, ...]
    strip: tuple[str, ...] = ()
    whole: bool = False


class Explainer:
    """Explains what breaks one object schema, by a validator for each of its properties."""

    def __init__(self, schema: schemas.Schema) -> None:
        """``schema`` is that of an object, references written out."""
        self._schema = schema
        self._properties = {name: validator(inner) for name, inner in schemas.properties_of(schema).items()}
        self._required = tuple(schema.get("required", ()))
        self._closed = schema.get("additionalProperties") is False

    def explain(self, body: Any, where: tuple[str, ...]) -> Found:
        """The first thing wrong with each property of ``body``, which stands at ``where`` in its event."""
        if not isinstance(body, dict):
            message = f"must be object, is {schemas.type_of(body)}"
            return Found((Violation("type", ".".join(where), message),), whole=True)
        violations, strip = [], []
        for name in self._required:
            if name not in body:
                violations.append(_missing(where, name))
        for name, checker in self._properties.items():
            if name in body and (violation := self._first(checker, name, body[name], where)) is not None:
                violations.append(violation)
                strip.append(name)
        if self._closed:
            unplanned = [name for name in body if name not in self._properties]
            violations += [_unplanned(where, name) for name in islice(unplanned, MOST)]
            strip += unplanned
        return Found(tuple(violations[:MOST]), tuple(strip))

    def _first(self, checker: Any, name: str, value: Any, where: tuple[str, ...]) -> Violation | None:
        if checker.is_valid(value):
            return None
        import jsonschema_rs

        try:
            checker.validate(value)
        except jsonschema_rs.ValidationError as error:
            path = (*where, name, *error.instance_path)
            schema = self._at(name, error.schema_path)
            kind, kinds = error.kind, jsonschema_rs.ValidationErrorKind
            if isinstance(kind, kinds.Required):
                return _missing(path, kind.property)
            if isinstance(kind, kinds.AdditionalProperties):
                return _unplanned(path, kind.unexpected[0])
            rule = kind.name
            return Violation(rule, dotted(path), _message(rule, schema, error.instance))
        return None

    def _at(self, name: str, path: Iterable[str | int]) -> schemas.Schema:
        """The schema whose keyword stands at ``path`` below a property's."""
        found: Any = schemas.properties_of(self._schema)[name]
        for step in list(path)[:-1]:
            found = found[step]
        schema: schemas.Schema = found
        return schema


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: ``properties.products[2].price``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _missing(where: Iterable[str | int], name: str) -> Violation:
    return Violation("required", dotted((*where, name)), "is required and missing")


def _unplanned(where: Iterable[str | int], name: str) -> Violation:
    shown = name if isinstance(name, str) and _SHOWN.fullmatch(name) else _HIDDEN
    return Violation("unplanned_property", dotted((*where, shown)), "is not in the plan")


def _message(rule: str, schema: schemas.Schema, value: Any) -> str:
    """A rule in words: what the plan asks for, and at most the type of what came."""
    limit = schema.get(rule)
    if rule == "type":
        return f"must be {' or '.join(schemas.types_of(schema))}, is {schemas.type_of(value)}"
    if rule in ("enum", "const"):
        return f"must be one of {', '.join(map(_literal, schemas.values_of(schema) or ()))}"
    words = {
        "minLength": f"must have a length of at least {limit}",
        "maxLength": f"must have a length of at most {limit}",
        "pattern": f"must match {limit}",
        "format": f"must be a {limit}",
        "minimum": f"must be at least {limit}",
        "maximum": f"must be at most {limit}",
        "exclusiveMinimum": f"must be above {limit}",
        "exclusiveMaximum": f"must be below {limit}",
        "multipleOf": f"must be a multiple of {limit}",
        "minItems": f"must have a number of entries of at least {limit}",
        "maxItems": f"must have a number of entries of at most {limit}",
    }
    return words.get(rule, f"breaks {rule}")


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
