"""Tickets, landed raw: one asset an object, one sign-in a run."""

from __future__ import annotations

from orchestration.lib.extraction import extraction
from orchestration.lib.project import manifest

tickets = extraction("tickets", manifest())
