"""What properties were before: each value they had, since when, and who set it.

Source  list and batch read with ``propertiesWithHistory``, 50 records a call; HUBSPOT_HISTORY names the properties
Grain   a property of a record takes a value at a moment; of two by one kind of source in one millisecond the last
Cursor  none: search knows no history, so the records read are those whose own rows landed since the last time. A first
        load, and the first with another property in HUBSPOT_HISTORY, lists all of them
Units   times naive UTC; values as HubSpot writes them, null where the property was cleared
Errors  ConfigurationError names HUBSPOT_HISTORY; MalformedAnswer on a history that is not a list of values

HubSpot lets go of old values when a property has changed often. Rows are only ever added, so that what landed stays,
but what came and went before the first load, or between two, cannot be had.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from extract.source import ConfigurationError, MalformedAnswer, Rejected
from extract.sources.hubspot.client import HubSpotApi
from extract.sources.hubspot.properties import MisfitError, typed
from extract.sources.hubspot.records import ids_of
from extract.sources.rest import Json
from extract.sources.times import TIMESTAMP

SETTING = "HUBSPOT_HISTORY"
# Few, since each record of these objects is read again when it changes: what a funnel is made of.
DEFAULT = "contacts:lifecyclestage;companies:lifecyclestage;deals:dealstage,amount"
# Object of ours -> HubSpot's.
PARENTS: Mapping[str, str] = {f"{name}_history": name for name in ("contacts", "companies", "deals")}
# HubSpot refuses more in one call when it is asked for histories.
MOST_RECORDS = 50
ROWS_A_TABLE = 2_000

KEY = ("id", "property", "changed_at", "source_type")
# Column, field of the answer, type.
COLUMNS: tuple[tuple[str, str, pa.DataType], ...] = (
    ("id", "id", pa.string()),
    ("property", "property", pa.string()),
    ("changed_at", "timestamp", TIMESTAMP),
    ("value", "value", pa.string()),
    ("source_type", "sourceType", pa.string()),
    ("source_id", "sourceId", pa.string()),
    ("source_label", "sourceLabel", pa.string()),
    ("updated_by_user_id", "updatedByUserId", pa.int64()),
)


def wanted(env: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The properties whose history is read, by our object: of HUBSPOT_HISTORY, or the default; ``none`` is none."""
    text = env.get(SETTING, "").strip() or DEFAULT
    found: dict[str, tuple[str, ...]] = {}
    if text.lower() == "none":
        return found
    for part in filter(None, (part.strip() for part in text.split(";"))):
        parent, _, names = part.partition(":")
        properties = tuple(name.strip().lower() for name in names.split(","))
        object_name = f"{parent.strip().lower()}_history"
        if not all(re.fullmatch(r"\w+", name) for name in properties) or object_name not in PARENTS:
            raise ConfigurationError(
                f'{SETTING} has {part[:60]!r}: write it like "contacts:lifecyclestage;deals:dealstage,amount", '
                f"of {', '.join(PARENTS.values())}, or none."
            )
        found[object_name] = tuple(dict.fromkeys((*found.get(object_name, ()), *properties)))
    return found


class History:
    """The histories of one CRM object's properties, read as tables of about 2,000 rows."""

    def __init__(
        self,
        api: HubSpotApi,
        name: str,
        properties: Sequence[str],
        reject: Callable[[Sequence[Rejected]], None] = lambda rows: None,
    ) -> None:
        """``name`` is our object (``contacts_history``); ``reject`` takes what cannot be typed."""
        self._api = api
        self._name = name
        self._properties = properties
        self._reject = reject
        self._path = f"/crm/v3/objects/{PARENTS[name]}"

    def listed(self) -> Iterator[pa.Table]:
        """Of all records, archived ones too."""
        asked = [("properties", "hs_object_id"), ("propertiesWithHistory", ",".join(self._properties))]
        # Archived first: what is archived while we read was, or will be, read as it changes.
        for archived in ("true", "false"):
            pages = self._api.pages(self._path, [*asked, ("archived", archived)], limit=MOST_RECORDS)
            yield from self._tables(record for page in pages for record in page.listing("results"))

    def of(self, ids: Iterable[str]) -> Iterator[pa.Table]:
        """Of the records with these ids, archived or not; those that no longer exist are left out."""
        remaining = iter(dict.fromkeys(ids))
        batches = iter(lambda: list(islice(remaining, MOST_RECORDS)), [])
        yield from self._tables(record for batch in batches for record in self._batch(batch))

    def _batch(self, ids: Sequence[str]) -> list[Json]:
        found: list[Json] = []
        missing = set(ids)
        # Most are not archived. Batch reads are known to drop a record now and then: what neither knows is asked again.
        for archived in (False, True, False):
            if not missing:
                break
            body = {
                "properties": ["hs_object_id"],
                "propertiesWithHistory": list(self._properties),
                "inputs": [{"id": key} for key in sorted(missing)],
            }
            params = [("archived", "true")] if archived else []
            answer = self._api.batch_read(f"{self._path}/batch/read", body, params)
            found += answer.listing("results")
            missing -= set(ids_of(PARENTS[self._name], answer))
        return found

    def _tables(self, records: Iterable[Json]) -> Iterator[pa.Table]:
        entries = (entry for record in records for entry in self._entries(record))
        while chunk := list(islice(entries, ROWS_A_TABLE)):
            try:
                table = self._table(chunk)
            except MisfitError:
                table = self._table(list(self._fitting(chunk)))
            if table.num_rows:
                yield table

    def _entries(self, record: Json) -> Iterator[Json]:
        """One record's values, each with its id and property; those without all of the key are rejected."""
        key, histories = str(record.get("id")), record.get("propertiesWithHistory") or {}
        seen = set()
        for name in self._properties:
            values = histories.get(name) or [] if isinstance(histories, dict) else None
            if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
                raise MalformedAnswer(
                    f"{self._api.where} answers the history of {name} of {self._name} {key} in a form unknown to us; "
                    "try again later."
                )
            for value in values:
                entry = {**value, "id": key, "property": name}
                if not value.get("timestamp") or not value.get("sourceType"):
                    self._set_aside(entry, "null_key", f"{self._name} {key}: a value of {name} has no time or source.")
                elif (moment := (name, str(value["timestamp"]), str(value["sourceType"]))) not in seen:
                    seen.add(moment)
                    yield entry

    def _fitting(self, entries: Iterable[Json]) -> Iterator[Json]:
        for entry in entries:
            try:
                self._table([entry])
            except MisfitError as error:
                self._set_aside(entry, f"type:{error.property}", str(error))
            else:
                yield entry

    def _set_aside(self, entry: Json, rule: str, reason: str) -> None:
        # Without a key: the record has other rows, which would pass for this one when it is read again.
        where = f"{self._name} {entry['id']} {entry['property']}"
        self._reject([Rejected(json.dumps(entry, sort_keys=True), rule, reason, where)])

    def _table(self, entries: Sequence[Json]) -> pa.Table:
        ids = [entry["id"] for entry in entries]
        arrays: dict[str, pa.Array[Any]] = {}
        for column, field, kind in COLUMNS:
            values = [None if entry.get(field) is None else str(entry[field]) for entry in entries]
            arrays[column] = typed(values, kind, self._name, ids, field)
        return pa.table(arrays)
