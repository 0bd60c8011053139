"""The difference between two schemas of one event and version, keyword by keyword.

Conservative where it cannot know: a pattern that changed counts as narrowed. So where all is called compatible, every
value the old schema allows, the new one allows. A property that is added to an object which had others anyway is a
notice: somebody may have sent one of that name already, and of another type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.plan import schemas
from contracts.plan.columns import kind_of
from contracts.plan.schemas import Schema

# Keyword: the types it speaks of, whether a larger value allows less, what it is called.
_LIMITS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "minLength": (("string",), True),
    "maxLength": (("string",), False),
    "minItems": (("array",), True),
    "maxItems": (("array",), False),
    "minimum": (("integer", "number"), True),
    "exclusiveMinimum": (("integer", "number"), True),
    "maximum": (("integer", "number"), False),
    "exclusiveMaximum": (("integer", "number"), False),
}
# Keywords that refuse no value.
_WORDS = frozenset(("description", "title", "examples", "pii"))


@dataclass(frozen=True)
class Difference:
    """One difference at a path such as ``properties.products[].price``."""

    severity: Literal["breaking", "notice", "compatible"]
    rule: str
    path: str
    message: str


def differences(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    """How ``new`` differs from ``old``, both the schema of an event's properties or traits."""
    for name in schemas.properties_of(old):
        if name in schemas.properties_of(new):
            was, now = (kind_of(schemas.properties_of(schema)[name]) for schema in (old, new))
            # Each integer is a decimal; any other change is one for whoever reads the column.
            if was != now and (was, now) != ("integer", "number"):
                message = f"its column was {was} and is {now}"
                yield Difference("breaking", "column_retyped", f"{path}.{name}", message)
    yield from _schema(old, new, path)


def _schema(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    was, now = schemas.types_of(old), schemas.types_of(new)
    if lost := [kind for kind in was if not schemas.fits(kind, now)]:
        message = f"may be {' or '.join(lost)} no longer, only {' or '.join(now)}"
        yield Difference("breaking", "type_narrowed", path, message)
    elif gained := [kind for kind in now if not schemas.fits(kind, was)]:
        yield Difference("compatible", "type_widened", path, f"may be {' or '.join(gained)} too")
    yield from _values(old, new, path)
    for keyword, (kinds, larger_is_less) in _LIMITS.items():
        if set(was) & set(kinds):
            yield from _limit(keyword, old.get(keyword), new.get(keyword), larger_is_less, path)
    if {"integer", "number"} & set(was):
        yield from _multiple(old.get("multipleOf"), new.get("multipleOf"), path)
    for keyword in ("pattern", "format"):
        if "string" in was and old.get(keyword) != new.get(keyword):
            yield _changed(keyword, old.get(keyword), new.get(keyword), path)
    if "object" in was:
        yield from _object(old, new, path)
    if "array" in was and ("items" in old or "items" in new):
        yield from _schema(old.get("items", {}), new.get("items", {}), f"{path}[]")
    if old.get("pii") != new.get("pii"):
        message = f"its tag was {old.get('pii', 'not set')} and is {new.get('pii', 'not set')}"
        yield Difference("notice", "pii", path, message)
    if old.get("description") != new.get("description"):
        yield Difference("compatible", "description", path, "is described in other words")


def _values(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    was, now = schemas.values_of(old), schemas.values_of(new)
    if now is None:
        if was is not None:
            yield Difference("compatible", "values_freed", path, "may be anything of its type")
        return
    if was is None:
        yield Difference("breaking", "values_listed", path, f"may be only {_listed(now)}")
        return
    held, left = ({(schemas.type_of(value), value) for value in values} for values in (was, now))
    if lost := [value for value in was if (schemas.type_of(value), value) not in left]:
        yield Difference("breaking", "value_removed", path, f"may be {_listed(lost)} no longer")
    if gained := [value for value in now if (schemas.type_of(value), value) not in held]:
        yield Difference("compatible", "value_added", path, f"may be {_listed(gained)} too")


def _limit(keyword: str, old: Any, new: Any, larger_is_less: bool, path: str) -> Iterator[Difference]:
    if old == new:
        return
    narrowed = new is not None and (old is None or (new > old) == larger_is_less)
    severity: Literal["breaking", "compatible"] = "breaking" if narrowed else "compatible"
    rule = f"limit_{'narrowed' if narrowed else 'widened'}"
    yield Difference(severity, rule, path, f"{keyword} was {_shown(old)} and is {_shown(new)}")


def _multiple(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if old == new:
        return
    whole = isinstance(old, int) and isinstance(new, int) and old % new == 0
    narrowed = new is not None and not whole
    severity: Literal["breaking", "compatible"] = "breaking" if narrowed else "compatible"
    rule = f"limit_{'narrowed' if narrowed else 'widened'}"
    yield Difference(severity, rule, path, f"multipleOf was {_shown(old)} and is {_shown(new)}")


def _changed(keyword: str, old: Any, new: Any, path: str) -> Difference:
    message = f"{keyword} was {_shown(old)} and is {_shown(new)}"
    if new is None:
        return Difference("compatible", f"{keyword}_freed", path, message)
    return Difference("breaking", f"{keyword}_narrowed", path, message)


def _object(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    was, now = schemas.properties_of(old), schemas.properties_of(new)
    required = set(old.get("required", ())), set(new.get("required", ()))
    open_before, open_now = (schema.get("additionalProperties") is not False for schema in (old, new))
    for name, schema in was.items():
        here = f"{path}.{name}"
        if name not in now:
            yield Difference("breaking", "property_removed", here, "is gone from the plan")
            continue
        yield from _schema(schema, now[name], here)
        if name in required[1] - required[0]:
            yield Difference("breaking", "made_required", here, "was optional and is required")
        elif name in required[0] - required[1]:
            yield Difference("compatible", "made_optional", here, "was required and is optional")
    for name in now:
        if name not in was and name in required[1]:
            yield Difference("breaking", "made_required", f"{path}.{name}", "is new and required")
        elif name not in was and open_before and now[name].keys() - _WORDS:
            message = "is new; calls that sent one of this name unplanned may violate it"
            yield Difference("notice", "property_added", f"{path}.{name}", message)
        elif name not in was:
            yield Difference("compatible", "property_added", f"{path}.{name}", "is new")
    for name in sorted(required[1] - required[0] - was.keys() - now.keys()):
        yield Difference("breaking", "made_required", f"{path}.{name}", "is required, though nothing is said of it")
    if open_before and not open_now:
        yield Difference("breaking", "closed", path, "may have no other properties any longer")
    elif open_now and not open_before:
        yield Difference("compatible", "opened", path, "may have other properties")


def _listed(values: Any) -> str:
    return ", ".join(map(_shown, values))


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)
