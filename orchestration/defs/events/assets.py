"""The collector's log, landed raw: events and dead letters."""

from __future__ import annotations

from orchestration.lib.extraction import extraction
from orchestration.lib.project import manifest

collected = extraction("events", manifest())
