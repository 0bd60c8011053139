"""Contacts, companies and deals: listed once, then searched for changes; the archived ones listed every time.

Source  list ``/crm/v3/objects/{object}`` (stable id cursor, no cap); ``…/search`` for ids that changed and
        ``…/batch/read`` for their values, since search takes 3,000 characters and its index runs behind
Grain   one record per id; a merge makes a new record, and the old ids vanish but for ``hs_merged_object_ids``: *gone*
Cursor  ``lastmodifieddate`` of contacts, ``hs_lastmodifieddate`` of all others, in milliseconds. Calculated properties
        and a changed association do not move it; a full load brings calculated values up to date
Units   times naive UTC
Errors  MalformedAnswer on records that are not what the property list promises
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from extract.source import MalformedAnswer, Rejected
from extract.sources.hubspot.client import HubSpotApi, next_after
from extract.sources.hubspot.properties import MisfitError, Property, table_of, typed
from extract.sources.rest import Answer, Json
from extract.sources.times import TIMESTAMP

# Servers and proxies start to refuse addresses of about 15,000 characters.
LONGEST_PROPERTY_LIST = 10_000
BATCH_READ = 100
SEARCH_LIMIT = 200
# The next query starts at the earliest time of a page's last rows. A row edited while we read shows its new time at its
# old place in the index; starting at that time would pass over all between, and so many in a row do not happen.
PAGE_TAIL = 10
ROWS_A_TABLE = 2_000
T = TypeVar("T")
MERGED = "hs_merged_object_ids"


class Records:
    """One CRM object's records, read as tables of about 2,000 rows."""

    def __init__(
        self,
        api: HubSpotApi,
        object_type: str,
        properties: Sequence[Property],
        cursor: str,
        reject: Callable[[Sequence[Rejected]], None] = lambda rows: None,
    ) -> None:
        """``cursor`` is the property that moves when a record changes; ``reject`` takes what cannot be typed."""
        self._reject = reject
        self._api = api
        self._type = object_type
        self._properties = properties
        self._names = [item.name for item in properties]
        self._cursor = cursor
        self._path = f"/crm/v3/objects/{object_type}"

    def listed(self, *, archived: bool) -> Iterator[pa.Table]:
        """All records that are (not) archived."""
        wanted = ",".join(self._names)
        flag = ("archived", "true" if archived else "false")
        if len(quote(wanted, safe="")) > LONGEST_PROPERTY_LIST:
            for page in self._api.pages(self._path, [("properties", "hs_object_id"), flag]):
                yield from self._read(ids_of(self._type, page), archived=archived)
            return
        pages = self._api.pages(self._path, [("properties", wanted), flag])
        yield from self._tables(row for page in pages for row in page.listing("results"))

    def count(self, start: datetime | None, end: datetime) -> int:
        """How many records, none archived, have ``start <= cursor < end`` by the search index."""
        answer = self._search(_millis(start) if start else 0, _millis(end), sort=self._cursor, limit=1)
        total = answer.body.get("total")
        if not isinstance(total, int) or isinstance(total, bool):
            raise MalformedAnswer(f"{self._api.where} answers a search of {self._type} without a total; try again.")
        return total

    def changed(self, start: datetime, end: datetime) -> Iterator[pa.Table]:
        """Records with ``start <= cursor < end`` as they are now; those that vanished since are left out.

        The search index runs behind and is not quite exact: records a little outside of the window may come too.
        """
        yield from self._read(self._changed_ids(_millis(start), _millis(end)), archived=False)

    def _read(self, ids: Iterable[str], *, archived: bool) -> Iterator[pa.Table]:
        yield from self._tables(row for batch in _chunks(ids, BATCH_READ) for row in self._batch(batch, archived))

    def _batch(self, ids: Sequence[str], archived: bool) -> list[Json]:
        """Records by id; those that vanished since (archived, merged, erased) are left out."""
        params = [("archived", "true")] if archived else []
        found: list[Json] = []
        missing = set(ids)
        # Batch reads are known to drop a record now and then: what is missing is asked for once more.
        for _ in range(2):
            inputs = [{"id": key} for key in sorted(missing)]
            body = {"properties": self._names, "inputs": inputs}
            answer = self._api.batch_read(f"{self._path}/batch/read", body, params)
            found += answer.listing("results")
            missing -= set(ids_of(self._type, answer))
            if not missing:
                break
        return found

    def _tables(self, rows: Iterable[Json]) -> Iterator[pa.Table]:
        for chunk in _chunks(rows, ROWS_A_TABLE):
            try:
                yield table_of(self._type, chunk, self._properties)
            except MisfitError:
                yield table_of(self._type, list(self._typable(chunk)), self._properties)

    def _typable(self, rows: Iterable[Json]) -> Iterator[Json]:
        """One by one, without those that have a value of another type than their property's."""
        for row in rows:
            try:
                table_of(self._type, [row], self._properties)
            except MisfitError as error:
                key = str(row["id"])
                payload = json.dumps(row, sort_keys=True)
                column = next((item.column for item in self._properties if item.name == error.property), error.property)
                where = f"{self._type} {key}"
                self._reject(
                    [Rejected(payload, f"type:{column}", str(error), where, key, self._moment(row),
                              row.get("archived") is True)]
                )  # fmt: skip
            else:
                yield row

    def _moment(self, row: Json) -> datetime | None:
        """When a record changed, None when that is what cannot be read."""
        try:
            found = typed([row["properties"].get(self._cursor)], TIMESTAMP, self._type, ["?"], self._cursor)
        except (MalformedAnswer, KeyError, AttributeError):
            return None
        moment: datetime | None = found[0].as_py()
        return moment

    def by_id(self, ids: Sequence[str]) -> Iterator[pa.Table]:
        """Records by id as they are now, archived or not."""
        for archived in (True, False):
            yield from self._read(ids, archived=archived)

    def _changed_ids(self, lower: int, upper: int) -> Iterator[str]:
        """Ids by keyset: every page is a query of its own that starts near where the one before ended.

        HubSpot's own paging counts rows: when one that was read is edited meanwhile it leaves the window, all behind it
        move up, and the first row of the next page is never seen. It also ends at 10,000 rows.
        """
        given: set[str] = set()
        while lower < upper:
            answer = self._search(lower, upper, sort=self._cursor)
            page = self._times(answer)
            yield from (key for key in page if key not in given)
            if next_after(answer) is None:
                return
            restart = min([time for time in page.values() if lower <= time < upper][-PAGE_TAIL:], default=lower)
            if restart <= lower:
                # More rows than a page share one millisecond: only the id tells them apart.
                yield from (key for key in self._changed_at(lower) if key not in page and key not in given)
                restart = lower + 1
            given = {key for key, time in page.items() if time >= restart}
            lower = restart

    def _changed_at(self, millisecond: int) -> Iterator[str]:
        """Ids of the records that changed in one millisecond, by rising id."""
        last = 0
        while True:
            answer = self._search(millisecond, millisecond + 1, sort="hs_object_id", after_id=last)
            page = self._times(answer)
            yield from page
            if next_after(answer) is None:
                return
            before, last = last, max([last, *(_number(key) for key in page)])
            if last == before:
                raise MalformedAnswer(f"{self._api.where} sends the same page of {self._type} over and over.")

    def _search(
        self, lower: int, upper: int, *, sort: str, after_id: int | None = None, limit: int | None = None
    ) -> Answer:
        """The first page of a query."""
        filters = [
            {"propertyName": self._cursor, "operator": "GTE", "value": str(lower)},
            {"propertyName": self._cursor, "operator": "LT", "value": str(upper)},
        ]
        if after_id is not None:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(after_id)})
        body: Json = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": [self._cursor],
            "limit": limit or SEARCH_LIMIT,
        }
        return self._api.search(self._type, body)

    def _times(self, answer: Answer) -> dict[str, int]:
        """Ids of a search page with their cursor in epoch milliseconds."""
        ids = ids_of(self._type, answer)
        try:
            values = [row["properties"].get(self._cursor) for row in answer.listing("results")]
        except (KeyError, AttributeError):
            raise MalformedAnswer(f"HubSpot sent {self._type} without properties; try again later.") from None
        times = typed(values, TIMESTAMP, self._type, ids, self._cursor)
        millis = times.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        return dict(zip(ids, [value or 0 for value in millis.to_pylist()], strict=True))


def merged_away(table: pa.Table) -> pa.Table | None:
    """Keys of the records that were merged into those of ``table``, None when there are none."""
    if MERGED not in table.column_names:
        return None
    rows = table.filter(pc.is_valid(table[MERGED])).combine_chunks()
    old = pc.split_pattern(rows[MERGED].combine_chunks(), ";")
    ids = pc.utf8_trim_whitespace(pc.list_flatten(old))
    survivors = rows["id"].take(pc.list_parent_indices(old))
    keys = ids.filter(pc.and_(pc.not_equal(ids, survivors.combine_chunks()), pc.not_equal(ids, pa.scalar(""))))
    return pa.table({"id": keys.unique()}) if len(keys) else None


def ids_of(object_type: str, page: Answer) -> list[str]:
    """Ids of a page of records."""
    try:
        return [str(row["id"]) for row in page.listing("results")]
    except KeyError:
        raise MalformedAnswer(f"HubSpot sent {object_type} without an id; try again later.") from None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _millis(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise MalformedAnswer(f"HubSpot sent {text[:40]!r} where an id or a position is a number.") from None
