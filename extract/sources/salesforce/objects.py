"""Which objects are read, and their columns as describe gives them."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from extract import naming
from extract.source import MalformedAnswer, ObjectInfo
from extract.sources.salesforce import settings
from warehouse.base import TableName

SCHEMA = "raw_salesforce"
API_NAMES = {
    naming.snake_case(name): name
    for name in (
        "Account",
        "Contact",
        "Lead",
        "Opportunity",
        "OpportunityHistory",
        "Campaign",
        "CampaignMember",
        "User",
        "Task",
        "Event",
    )
}
# The first that an object has is its cursor. LastModifiedDate stands still when a process of the org's changes a row.
CURSORS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
# Compound fields repeat their parts, and Bulk refuses them; blobs are one call each.
LEFT_OUT = frozenset({"address", "location", "base64"})
_ARROW: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.time64("us"),
    "int": pa.int64(),
    "long": pa.int64(),
}
_DECIMAL = frozenset({"double", "percent", "currency"})
_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def object_info(name: str, description: Any, where: str) -> ObjectInfo:
    """An object from its describe answer. Raises MalformedAnswer."""
    api_name = API_NAMES[name]
    try:
        fields = [field for field in description["fields"] if field["type"] not in LEFT_OUT]
        names = [field["name"] for field in fields]
        types = {field["name"]: arrow_type(field) for field in fields}
    except (TypeError, KeyError):
        raise MalformedAnswer(f"{where} describes {api_name} without its fields; try again.") from None
    if "Id" not in names:
        raise MalformedAnswer(f"{where} describes {api_name} without an Id; check that the user may read it.")
    for field in names:
        # Field names become part of queries.
        if not isinstance(field, str) or not _API_NAME.fullmatch(field):
            raise MalformedAnswer(f"{where} describes {api_name} with a field that cannot be one: {field!r:.60}.")
    columns = naming.columns_of(names)
    cursor = next((field for field in CURSORS if types.get(field) == pa.timestamp("us")), None)
    return ObjectInfo(
        name=name,
        table=TableName(SCHEMA, name),
        key=(columns["Id"],),
        schema=pa.schema([pa.field(columns[field], types[field]) for field in types]),
        fields={columns[field]: field for field in types},
        cursor=columns[cursor] if cursor else None,
        newest_by=(columns[cursor],) if cursor else (),
        overlap=settings.OVERLAP,
        counts_deleted=True,
        unstamped=frozenset(columns[field["name"]] for field in fields if _moves_silently(field)),
        # Without a cursor everything is read each time.
        snapshot=cursor is None,
    )


def _moves_silently(field: dict[str, Any]) -> bool:
    """Formulas and roll-ups; and references: children of a merged record point to the winner, and keep their stamp."""
    return field.get("calculated") is True or field["type"] == "reference"


def arrow_type(field: dict[str, Any]) -> pa.DataType:
    """The column type of a field: exact decimals where describe gives digits, text where it gives no type we know."""
    kind = field["type"]
    if kind in _DECIMAL:
        precision, scale = field.get("precision") or 0, field.get("scale") or 0
        return pa.decimal128(precision, scale) if 0 < precision <= 38 and 0 <= scale <= precision else pa.float64()
    return _ARROW.get(kind, pa.string())
