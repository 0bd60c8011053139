"""Schemas a plan may hold, and values that fit them, nearly fit, or do not fit at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from contracts.plan import schemas

NAMES = st.sampled_from(["id", "name", "price", "quantity", "list", "more", "at", "is_on"])
PATTERNS = ("^[A-Z]{3}$", "^a*b?$", "[0-9]", "^$")
# Formats both libraries know without another package.
FORMATS = ("date", "ipv4", "uuid")
TEXTS = st.one_of(
    st.sampled_from(["", "a", "EUR", "aab", "2026-02-30", "2026-02-28", "192.0.2.1", "x" * 9]), st.text(max_size=6)
)
NUMBERS = st.one_of(st.integers(-9, 9), st.sampled_from([0.5, -2.25, 3.0, 1e9]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, st.text(max_size=4)), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def schema(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A schema of the kind a plan may hold."""
    kinds = list(schemas.TYPES) if depth else [kind for kind in schemas.TYPES if kind not in ("object", "array")]
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True))
    found: dict[str, Any] = {"type": chosen if len(chosen) > 1 or draw(st.booleans()) else chosen[0]}

    def maybe(key: str, values: st.SearchStrategy[Any]) -> None:
        if draw(st.booleans()):
            found[key] = draw(values)

    if "string" in chosen:
        maybe("minLength", st.integers(0, 3))
        maybe("maxLength", st.integers(3, 8))
        maybe("pattern", st.sampled_from(PATTERNS))
        maybe("format", st.sampled_from(FORMATS))
    if set(chosen) & {"integer", "number"}:
        maybe("minimum", st.integers(-5, 1))
        maybe("maximum", st.integers(1, 9))
        maybe("exclusiveMinimum", st.integers(-5, 1))
        maybe("multipleOf", st.integers(1, 3))
    if "array" in chosen:
        maybe("minItems", st.integers(0, 2))
        maybe("maxItems", st.integers(2, 4))
        maybe("items", schema(depth=depth - 1))
    if "object" in chosen:
        found |= draw(object_members(depth - 1))
    if draw(st.integers(0, 5)) == 0:
        fitting = [
            value
            for value in draw(st.lists(SCALARS, min_size=1, max_size=3))
            if schemas.fits(schemas.type_of(value), schemas.types_of(found))
        ]
        distinct = list({(schemas.type_of(value), value): value for value in fitting}.values())
        if distinct:
            found["enum"] = distinct
    return found


@st.composite
def object_members(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    properties = draw(st.dictionaries(NAMES, schema(depth=depth), max_size=3))
    found: dict[str, Any] = {"properties": properties}
    if properties and draw(st.booleans()):
        found["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    if draw(st.booleans()):
        found["additionalProperties"] = draw(st.booleans())
    return found


def body_schema() -> st.SearchStrategy[dict[str, Any]]:
    """The schema of an event's properties."""
    return object_members(2).map(lambda members: {"type": "object", **members})


@st.composite
def value_for(draw: st.DrawFn, wanted: Mapping[str, Any]) -> Any:
    """A value near ``wanted``: its shape is followed, most of its limits are."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if "enum" in wanted and draw(st.booleans()):
        return draw(st.sampled_from(wanted["enum"]))
    kind = draw(st.sampled_from(schemas.types_of(wanted)))
    if kind == "object":
        return draw(body_for(wanted))
    if kind == "array":
        return draw(st.lists(value_for(wanted.get("items", {})), min_size=wanted.get("minItems", 0), max_size=4))
    simple = {
        "string": TEXTS,
        "integer": st.integers(-6, 10),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return draw(simple[kind])


@st.composite
def body_for(draw: st.DrawFn, wanted: Mapping[str, Any]) -> Any:
    """An object near ``wanted``."""
    required = wanted.get("required", ())
    found = {
        name: draw(value_for(inner))
        for name, inner in schemas.properties_of(wanted).items()
        if draw(st.integers(0, 9)) < (9 if name in required else 6)
    }
    if draw(st.integers(0, 4)) == 0:
        found[draw(st.sampled_from(["extra", "jane@example.com"]))] = draw(SCALARS)
    return found


SETTINGS = """
title: Test
owners: {team: A team.}
purposes: {analytics: Sums.}
categories: {things: Things.}
sources: {web: Pages., server: Servers.}
pii: {email: [email], name: [first_name]}
"""


def entry(name: str = "Thing Done", version: int = 1, body: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The file of an event; JSON is YAML too."""
    said: dict[str, Any] = {
        "name": name, "version": version, "owner": "team", "category": "things", "purpose": "analytics",
        "description": "A thing.", "properties": body or {"type": "object"},
    }  # fmt: skip
    said |= more
    text = json.dumps({key: value for key, value in said.items() if value is not None}, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


def plan_files(*entries: str, settings: str = "", **named: str) -> dict[str, str]:
    """The files of a plan with these entries."""
    files = {f"event_{place}.yml": text for place, text in enumerate(entries)}
    return {"plan.yml": SETTINGS + settings, **files, **named}
