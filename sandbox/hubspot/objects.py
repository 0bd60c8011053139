"""CRM objects as HubSpot shows them: every value text, every type known by name or number, merged ids still found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from sandbox.company.schema import HUBSPOT_PROPERTIES, Property
from sandbox.faults import Faults
from sandbox.store import Store, quoted, table_sql

# name -> (singular, object type id)
TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "contacts": ("contact", "0-1"),
    "companies": ("company", "0-2"),
    "deals": ("deal", "0-3"),
}
_DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline",
    ),
}  # fmt: skip
# Sent whether asked for or not.
_ALWAYS: Final = ("createdate", "hs_lastmodifieddate", "hs_object_id", "lastmodifieddate")
NUMERIC_ID: Final = "try_cast(id as bigint)"


def plural(name: str) -> str | None:
    """The name of an object type given in any of its forms (``contact``, ``contacts``, ``0-1``); None if unknown."""
    lower = name.lower()
    return next((key for key, forms in TYPES.items() if lower == key or lower in forms), None)


def properties_of(object_type: str, faults: Faults) -> dict[str, Property]:
    """The properties that can be seen now, with the type that they are said to have."""

    def about(fault: str) -> dict[str, dict[str, Any]]:
        struck = faults.lasting(fault, "hubspot")
        return {options["property"]: options for options in struck if plural(options["object"]) == object_type}

    hidden, retyped = about("hidden_property"), about("retyped_property")
    return {
        prop.name: replace(prop, type=retyped[prop.name]["type"]) if prop.name in retyped else prop
        for prop in HUBSPOT_PROPERTIES[object_type]
        if prop.name not in hidden
    }


def wanted_properties(object_type: str, asked: Sequence[str], faults: Faults) -> list[Property]:
    """The properties an answer has: those asked for that exist, or the type's defaults; in alphabetical order."""
    known = properties_of(object_type, faults)
    names = {name.strip().lower() for name in asked if name.strip()} or set(_DEFAULTS[object_type])
    return [known[name] for name in sorted((names | set(_ALWAYS)) & set(known))]


def moment_sql(sql: str, milliseconds: bool) -> str:
    """A moment as text: whole seconds have no fraction, as Java's Instant prints them, unless told otherwise."""
    with_fraction = f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    if milliseconds:
        return with_fraction
    return (
        f"case when epoch_us({sql}) % 1000000 = 0 then strftime({sql}, '%Y-%m-%dT%H:%M:%SZ') else {with_fraction} end"
    )


def value_sql(prop: Property, milliseconds: bool) -> str:
    """A property's value as text; '' is no value."""
    sql = quoted(prop.name)
    match prop.type:
        case "number":
            return f"case when {sql} = floor({sql}) then {sql}::decimal(38, 0)::varchar else {sql}::varchar end"
        case "bool":
            return f"{sql}::varchar"
        case "datetime":
            return moment_sql(sql, milliseconds)
        case "date":
            return f"{sql}::varchar"
    return f"nullif({sql}, '')"


def select(object_type: str, properties: Iterable[Property], faults: Faults) -> str:
    """``select ... from`` one type's table, without conditions."""
    milliseconds = bool(faults.lasting("milliseconds", "hubspot"))
    moments = ", ".join(
        f"{moment_sql(name, milliseconds)} as at_{name}" for name in ("created_at", "updated_at", "archived_at")
    )
    held = {prop.name: prop for prop in HUBSPOT_PROPERTIES[object_type]}
    values = "".join(
        f", {value_sql(held[prop.name], milliseconds)} as {quoted('p_' + prop.name)}" for prop in properties
    )
    return f"select id, archived, {moments}{values} from {table_sql('hubspot.' + object_type)}"


def records(rows: pa.Table, properties: Sequence[Property]) -> list[dict[str, Any]]:
    """Rows of ``select`` as JSON objects."""
    found = []
    for row in rows.to_pylist():
        record = {
            "id": row["id"],
            "properties": {prop.name: row["p_" + prop.name] for prop in properties},
            "createdAt": row["at_created_at"],
            "updatedAt": row["at_updated_at"],
            "archived": bool(row["archived"]),
        }
        if row["archived"]:
            record["archivedAt"] = row["at_archived_at"]
        found.append(record)
    return found


def survivors(store: Store, object_type: str, ids: Sequence[str]) -> dict[str, str]:
    """For ids that were merged away: the id of the record that lives on."""
    if "hs_merged_object_ids" not in {prop.name for prop in HUBSPOT_PROPERTIES[object_type]} or not ids:
        return {}
    sql = f"""
        select old_id, id from (
            select id, unnest(string_split(hs_merged_object_ids, ';')) as old_id
            from {table_sql("hubspot." + object_type)}
            where hs_merged_object_ids is not null
        )
        where old_id in ({", ".join("?" * len(ids))})
    """
    return {row["old_id"]: row["id"] for row in store.query(sql, ids).to_pylist()}
