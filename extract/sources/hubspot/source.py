"""HubSpot as a source: which objects there are, their columns now, and how each is read.

Source  api.hubapi.com with the token of a private app; scopes crm.objects.{contacts,companies,deals,owners}.read
Grain   see ``records.py``, ``reference.py`` and ``history.py``
Cursor  contacts, companies and deals by last change, an hour re-read before the watermark; histories of the records
        that landed; the rest whole each time
Errors  AccessDenied names the missing scope; RateLimited at once when the day's quota is used up
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from extract.budget import Budget
from extract.naming import columns_of
from extract.source import ConfigurationError, MalformedAnswer, ObjectInfo, ReadContext, Rejected, Source, Spent, Window
from extract.sources.hubspot import history
from extract.sources.hubspot.client import PAGE_LIMIT, HubSpotApi
from extract.sources.hubspot.properties import Property, arrow_type
from extract.sources.hubspot.records import SEARCH_LIMIT, Records, merged_away
from extract.sources.hubspot.reference import READERS
from extract.sources.times import TIMESTAMP
from warehouse.base import TableName

DEFAULT_URL = "https://api.hubapi.com"
CURSORS = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate", "deals": "hs_lastmodifieddate"}
# The search index shows a change "a few moments" late by HubSpot's word, minutes in bad hours by everybody else's.
INDEX_LAG = timedelta(hours=1)
# "A few moments": the watermark stays so far behind HubSpot's clock from the start, before late rows have taught more.
LAG = timedelta(minutes=1)

# Columns of ours beside the properties, with the fields of the answer they come from.
COMMON: dict[str, tuple[str, pa.DataType]] = {
    "id": ("id", pa.string()),
    "created_at": ("createdAt", TIMESTAMP),
    "updated_at": ("updatedAt", TIMESTAMP),
    "archived": ("archived", pa.bool_()),
    "archived_at": ("archivedAt", TIMESTAMP),
}


class HubSpot(Source):
    """One HubSpot account."""

    name = "hubspot"
    # Histories after the records they are of: they are read for those that have just landed.
    objects = (*CURSORS, "owners", "pipelines", "pipeline_stages", "associations", *history.PARENTS)
    counted = tuple(CURSORS)
    listed_first = frozenset(history.PARENTS)

    def __init__(self, api: HubSpotApi, histories: Mapping[str, Sequence[str]] | None = None) -> None:
        """``api`` says where and as whom; ``histories`` which properties' past is read, by object: the default ones."""
        self._api = api
        self._histories = history.wanted({}) if histories is None else histories
        self.objects = tuple(name for name in HubSpot.objects if name not in history.PARENTS or name in self._histories)
        # Names of properties by record type, as far as they were asked for in this run.
        self._names: dict[str, frozenset[str]] = {}

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> HubSpot:
        """HUBSPOT_ACCESS_TOKEN, HUBSPOT_URL when it is not the vendor's, HUBSPOT_HISTORY (see ``history.py``)."""
        token = env.get("HUBSPOT_ACCESS_TOKEN", "").strip()
        if not token:
            raise ConfigurationError("HUBSPOT_ACCESS_TOKEN is not set: put a private app's access token there.")
        budget = Budget.from_environment("HUBSPOT", env)
        api = HubSpotApi(env.get("HUBSPOT_URL", "").strip() or DEFAULT_URL, token, budget=budget)
        return cls(api, history.wanted(env))

    def spent(self) -> Spent:
        """By the daily headers, which answers to private apps have."""
        return Spent(self._api.budget.calls, self._api.budget.used, self._api.budget.most)

    def cost(self, info: ObjectInfo, window: Window, rows: int | None) -> int | None:
        """Pages of the list or of the search, a batch read for each hundred that changed, and the archived ones."""
        if rows is None:
            return None
        pages = -(-rows // PAGE_LIMIT)
        return 1 + pages if window.start is None else 1 + -(-rows // SEARCH_LIMIT) + pages

    def connect(self) -> None:
        """One small call; a token without the owners' scope is still a good token, and is told at the object."""
        self._api.get("/crm/v3/owners/", [("limit", "1")], accept=frozenset({403}), tries=2)

    def now(self) -> datetime:
        """HubSpot's clock, by the answer it has just given if there is one."""
        if (told := self._api.just_told()) is not None:
            return told
        return self._api.get("/crm/v3/owners/", [("limit", "1")], accept=frozenset({403})).time()

    def describe(self, name: str) -> ObjectInfo:
        """All properties of contacts, companies and deals as defined now; fixed columns for the others."""
        table = TableName("raw_hubspot", name)
        if name in READERS:
            columns, key, _ = READERS[name]
            return ObjectInfo(
                name=name,
                table=table,
                key=key,
                schema=pa.schema([(column, kind) for column, _, kind in columns]),
                fields={column: field or column for column, field, _ in columns},
                snapshot=True,
            )
        if name in history.PARENTS:
            return self._described_history(name)
        properties = self._properties(name)
        if CURSORS[name] not in (item.name for item in properties):
            raise MalformedAnswer(f"{self._api.where} describes {name} without {CURSORS[name]}; try again later.")
        types = {column: kind for column, (_, kind) in COMMON.items()} | {p.column: p.type for p in properties}
        return ObjectInfo(
            name=name,
            table=table,
            key=("id",),
            schema=pa.schema(types),
            fields={column: field for column, (field, _) in COMMON.items()} | {p.column: p.name for p in properties},
            cursor=CURSORS[name],
            newest_by=("updated_at",),
            overlap=INDEX_LAG,
            lag=LAG,
            unstamped=frozenset(p.column for p in properties if p.calculated),
        )

    def _described_history(self, name: str) -> ObjectInfo:
        """Rows that are only ever added; with another property all are read again."""
        parent = history.PARENTS[name]
        if parent not in self._names:
            self._properties(parent)
        if unknown := [key for key in self._histories[name] if key not in self._names[parent]]:
            raise ConfigurationError(
                f"{self._api.where} has no property {', '.join(unknown)} of {parent}: correct {history.SETTING}."
            )
        return ObjectInfo(
            name=name,
            table=TableName("raw_hubspot", name),
            key=history.KEY,
            schema=pa.schema([(column, kind) for column, _, kind in history.COLUMNS]),
            fields={column: field for column, field, _ in history.COLUMNS},
            append_only=True,
            asked=frozenset(self._histories[name]),
        )

    def subjects_from(self, name: str) -> tuple[TableName, str] | None:
        """Histories are read for the records that landed: search, which knows what changed, does not know them."""
        return (TableName("raw_hubspot", history.PARENTS[name]), "id") if name in history.PARENTS else None

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """The search's own total; nobody counts owners, pipelines, associations and histories."""
        if info.name not in CURSORS:
            return None
        return self._records(info).count(window.start, window.end)

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool the window, or the whole where there is no cursor or no start."""
        merged: list[pa.Table] = []
        for table in self._tables(info, context):
            kept = [name for name in table.column_names if name in info.schema.names or name == "_is_deleted"]
            context.spool.rows(table.select(kept))
            context.progress(table.num_rows)
            if (gone := merged_away(table)) is not None:
                merged.append(gone)
        if merged:
            context.spool.gone(pa.concat_tables(merged).group_by("id", use_threads=False).aggregate([]), how="merged")

    def close(self) -> None:
        """Release connections."""
        self._api.close()

    def _tables(self, info: ObjectInfo, context: ReadContext) -> Iterator[pa.Table]:
        if info.name in READERS:
            yield from READERS[info.name][2](self._api)
            return
        if info.name in history.PARENTS:
            reader = self._history(info.name, context)
            yield from reader.listed() if context.window.start is None else reader.of(context.subjects or ())
            return
        records = self._records(info, context.spool.reject)
        # Archived first: what is archived while we read comes with the next run, and not in both guises with this one.
        yield from records.listed(archived=True)
        if context.window.start is None:
            yield from records.listed(archived=False)
        elif context.expected != 0:
            yield from records.changed(context.window.start, context.window.end)

    def read_keys(self, info: ObjectInfo, keys: Sequence[str], context: ReadContext) -> None:
        """By batch reads; owners, pipelines and associations are read whole anyway."""
        if info.name in READERS:
            self.read(info, context)
            return
        if info.name in history.PARENTS:
            for table in self._history(info.name, context).of(keys):
                context.spool.rows(table)
            return
        for table in self._records(info, context.spool.reject).by_id(keys):
            context.spool.rows(table)

    def _history(self, name: str, context: ReadContext) -> history.History:
        return history.History(self._api, name, self._histories[name], context.spool.reject)

    def _records(self, info: ObjectInfo, reject: Callable[[Sequence[Rejected]], None] = lambda rows: None) -> Records:
        properties = [
            Property(field, column, info.schema.field(column).type)
            for column, field in info.fields.items()
            if column not in COMMON
        ]
        return Records(self._api, info.name, properties, CURSORS[info.name], reject)

    def _properties(self, name: str) -> list[Property]:
        defined = self._api.get(f"/crm/v3/properties/{name}").listing("results")
        live = {str(item["name"]): item for item in defined if item.get("name") and not item.get("archived")}
        self._names[name] = frozenset(live)
        types = {key: arrow_type(item) for key, item in live.items()}
        columns = columns_of(sorted(types))
        # A property named like a column of ours steps aside.
        columns |= {key: f"property_{column}" for key, column in columns.items() if column in COMMON}
        return [
            Property(key, column, types[key], live[key].get("calculated") is True) for key, column in columns.items()
        ]
