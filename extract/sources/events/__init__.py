"""The collector's own log: events, and dead letters."""

from extract.sources.events.source import Events

__all__ = ["Events"]
