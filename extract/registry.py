"""Which sources there are, by name; a source's module is imported when it is asked for."""

from __future__ import annotations

import importlib

from extract.source import ConfigurationError, Source

_CLASSES = {
    "salesforce": ("extract.sources.salesforce", "Salesforce"),
    "hubspot": ("extract.sources.hubspot", "HubSpot"),
    "segment": ("extract.sources.segment", "Segment"),
    "files": ("extract.sources.files", "Files"),
    "sql": ("extract.sources.sql", "Sql"),
    "events": ("extract.sources.events", "Events"),
}
NAMES = tuple(_CLASSES)


def source_class(name: str) -> type[Source]:
    """The class of a source. Raises ConfigurationError listing the names when there is none called ``name``."""
    if name not in _CLASSES:
        raise ConfigurationError(f"There is no source called {name!r}; there are {', '.join(NAMES)}.")
    module, attribute = _CLASSES[name]
    found: type[Source] = getattr(importlib.import_module(module), attribute)
    return found
