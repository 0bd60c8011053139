"""HubSpot's property values, all of them text, as typed Arrow columns.

string, enumeration and the rest  text; an empty string is HubSpot's way to say cleared: null
number     float64: the API publishes no precision, and HubSpot itself keeps doubles (it answers 0.1 as
           ``0.1000000000000000055511151231257827``), so any decimal would round what it says. Whole numbers too large
           for a double are refused. A number that names a record (``hs_object_id``, ``…_id``) is text, as all ids are.
date       date32, from ``2024-01-31`` or epoch milliseconds
datetime   timestamp, naive UTC, from ISO with or without fractions, or epoch milliseconds
bool       boolean, and so is an enumeration shown as a single checkbox

Columns are converted whole; only when one does not fit its type are values looked at one by one, to name the culprit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from extract.source import MalformedAnswer
from extract.sources.rest import Json
from extract.sources.times import TIMESTAMP, timestamps

# From here on doubles skip whole numbers.
FIRST_INEXACT = 2.0**53

WHOLE_NUMBER = r"^-?\d+$"
NAMES = {
    pa.float64(): "a number",
    pa.int64(): "a whole number",
    pa.bool_(): "true or false",
    pa.date32(): "a date",
    TIMESTAMP: "a time",
    pa.string(): "text",
}


class MisfitError(MalformedAnswer):
    """A record has a value of another type than its property's."""

    def __init__(self, sentence: str, name: str) -> None:
        """``name`` is the property's."""
        super().__init__(sentence)
        self.property = name


@dataclass(frozen=True)
class Property:
    """One property of a CRM object, its column and type."""

    name: str
    column: str
    type: pa.DataType
    calculated: bool = False


def arrow_type(definition: Json) -> pa.DataType:
    """The column type for an entry of ``/crm/v3/properties/{object}``."""
    name, kind = str(definition.get("name")), definition.get("type")
    if kind == "number":
        return pa.string() if name.endswith("_id") or name == "associatedcompanyid" else pa.float64()
    if kind == "bool" or (kind == "enumeration" and definition.get("fieldType") == "booleancheckbox"):
        return pa.bool_()
    times: dict[object, pa.DataType] = {"date": pa.date32(), "datetime": TIMESTAMP}
    return times.get(kind, pa.string())


def table_of(object_type: str, results: Sequence[Json], properties: Sequence[Property]) -> pa.Table:
    """Records as the API lists them, as a table: id, properties, created_at, updated_at, archived, archived_at.

    ``_is_deleted`` is true for archived ones. Raises MalformedAnswer naming object, id and property.
    """
    try:
        ids = [str(record["id"]) for record in results]
        values = [record["properties"] for record in results]
        columns = {item.column: [value.get(item.name) for value in values] for item in properties}
    except (KeyError, TypeError, AttributeError):
        raise MalformedAnswer(f"HubSpot sent {object_type} without id or properties; try again later.") from None
    arrays: dict[str, pa.Array[Any]] = {"id": pa.array(ids, pa.string())}
    for item in properties:
        arrays[item.column] = typed(columns[item.column], item.type, object_type, ids, item.name)
    for column, name in (("created_at", "createdAt"), ("updated_at", "updatedAt"), ("archived_at", "archivedAt")):
        arrays[column] = typed([record.get(name) for record in results], TIMESTAMP, object_type, ids, name)
    arrays["archived"] = pa.array([record.get("archived") is True for record in results], pa.bool_())
    arrays["_is_deleted"] = arrays["archived"]
    return pa.table(arrays)


def typed(values: Iterable[Any], kind: pa.DataType, object_type: str, ids: Sequence[str], name: str) -> pa.Array[Any]:
    """``values`` (text, or null) as one array; MalformedAnswer names the object, id and field that does not fit."""
    column = list(values)
    try:
        return _convert(pa.array(column, pa.string()), kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        for value, record in zip(column, ids, strict=True):
            try:
                _convert(pa.array([value], pa.string()), kind)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                raise MisfitError(
                    f"HubSpot {object_type} {record}: the value of {name} is not {NAMES[kind]}; "
                    "correct the record or the property's type in HubSpot.",
                    name,
                ) from None
        raise


def _convert(text: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    text = pc.if_else(pc.equal(text, pa.scalar("")), None, text)
    if kind == pa.string():
        return text
    text = pc.utf8_trim_whitespace(text)
    if kind == TIMESTAMP:
        return timestamps(text)
    if kind == pa.date32():
        return timestamps(text).cast(pa.date32())
    numbers = text.cast(kind)
    if kind == pa.float64():
        _refuse_inexact(text, numbers)
    return numbers


def _refuse_inexact(text: pa.Array[Any], numbers: pa.Array[Any]) -> None:
    whole = pc.match_substring_regex(text, WHOLE_NUMBER)
    lost = pc.and_(whole, pc.greater_equal(pc.abs(numbers), pa.scalar(FIRST_INEXACT)))
    if pc.any(pc.or_(lost, pc.invert(pc.is_finite(numbers)))).as_py():
        raise pa.ArrowInvalid("a number that float64 does not hold")
