"""Every object that is extracted, and the key it has in the graph: the one dbt gives its source table.

No source is contacted. Only the file of SQL connections is looked at, since it alone says which tables there are;
``configured`` looks at all settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import dagster as dg

from extract import registry
from extract.source import ConfigurationError
from warehouse.base import TableName

SOURCES = registry.NAMES
EVENTS, COLLECTED = dg.AssetKey(["events", "events"]), dg.AssetKey(["events", "collected"])
DEAD_LETTERS = dg.AssetKey(["ops", "dead_letters"])
# What lands in the one table of events, by whichever way.
FEEDS = (EVENTS, COLLECTED)

# Events of whatever collector share one table, so theirs is not named for the source that read them.
_KEYS = {("segment", "events"): EVENTS, ("events", "dead_letters"): DEAD_LETTERS}
# Where an object lands when that is not what its key says.
_TABLES = {COLLECTED: TableName("raw_events", "events"), DEAD_LETTERS: TableName("ops", "dead_letters")}
# What a source can do without: an object is configured when one of its sets of variables is complete.
_NEEDS = {
    ("segment", "events"): ("SEGMENT_ARCHIVE_URL",),
    ("segment", "profiles"): ("SEGMENT_SPACE_ID", "SEGMENT_ACCESS_TOKEN"),
    ("segment", "profile_external_ids"): ("SEGMENT_SPACE_ID", "SEGMENT_ACCESS_TOKEN"),
}


def objects(source: str) -> tuple[str, ...]:
    """The objects of a source, in the order in which they are read."""
    return registry.source_class(source).declared(os.environ)


def asset_key(source: str, name: str) -> dg.AssetKey:
    """The key of an object, which is dbt's ``source(schema without raw_, table)``; a dot parts the two."""
    schema, dot, table = name.partition(".")
    return _KEYS.get((source, name), dg.AssetKey([schema, table] if dot else [source, name]))


def raw_table(source: str, name: str) -> TableName:
    """Where an object is landed."""
    key = asset_key(source, name)
    schema, table = key.path
    return _TABLES.get(key, TableName(f"raw_{schema}", table))


def declared_key(key: dg.AssetKey) -> dg.AssetKey:
    """The key of the dbt source that is the table of an object: its own, unless two objects feed one table."""
    return EVENTS if key in FEEDS else key


def keys(source: str) -> dict[dg.AssetKey, str]:
    """Asset keys of a source and the objects behind them."""
    return {asset_key(source, name): name for name in objects(source)}


def configured(env: Mapping[str, str] = os.environ) -> tuple[list[dg.AssetKey], list[str]]:
    """Keys of the objects whose settings are there, and a sentence for each source that has none."""
    found: list[dg.AssetKey] = []
    reasons: list[str] = []
    for source in SOURCES:
        try:
            reader = registry.source_class(source).from_environment(env)
            reader.close()
        except ConfigurationError as error:
            reasons.append(str(error))
            continue
        for key, name in keys(source).items():
            if name in reader.objects and all(
                env.get(variable, "").strip() for variable in _NEEDS.get((source, name), ())
            ):
                found.append(key)
    return found, reasons
