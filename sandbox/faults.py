"""What can go wrong with a server, each by name, switched on over the control API.

A fault says where it strikes (``system``, ``path`` as a part of the URL's path, ``method``), after how many matching
calls it begins (``after``), and how often (``times``; null: until cleared). Everything else in it is an option of that
fault. Faults that belong to the data (late commits, ties, deletes, merges) are the company's and need no switch; a test
that wants one exactly so edits the records over ``/_sandbox/sql``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ALL: Final = ("salesforce", "hubspot", "segment")


@dataclass(frozen=True)
class Kind:
    """A fault that exists: the systems that know it, its options with their defaults, how often unless told."""

    systems: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = None


KINDS: Final[Mapping[str, Kind]] = {
    # Any HTTP server.
    "http_error": Kind(
        ALL, {"status": 500, "body": None, "content_type": None, "headers": {}}, times=1
    ),  # body null: the vendor's envelope; text or JSON otherwise, "" for the empty 406/420/503 seen live
    "rate_limited": Kind(ALL, {"retry_after": None, "policy": None}, times=1),
    "error_body_with_200": Kind(ALL, times=1),
    "malformed_page": Kind(ALL, {"how": "cut"}, times=1),  # cut | html | empty
    "connection_dropped": Kind(ALL, {"after_bytes": None}, times=1),  # null: half of the body
    "slow": Kind(ALL, {"seconds": 1.0}),
    "clock_skew": Kind(ALL, {"seconds": 0}),
    "session_expired": Kind(("salesforce", "hubspot"), times=1),
    "same_page_twice": Kind(ALL, times=1),
    "reused_locator": Kind(ALL, times=1),  # the way to the next page leads to this one again
    # Salesforce.
    "api_usage": Kind(("salesforce",), {"used": 0, "max": 15000}),
    "short_pages": Kind(("salesforce",), {"size": 250}),
    "locator_expired": Kind(("salesforce",), times=1),
    "missing_locator": Kind(("salesforce",), {"pages": "last"}),  # last: absent where "null" was due | all: every page
    "missing_record_count": Kind(("salesforce",), times=1),
    "wrong_record_count": Kind(("salesforce",), {"off_by": 1}, times=1),
    "truncated_csv": Kind(("salesforce",), {"keep": 0.5, "at_row": False}, times=1),
    "job_failed": Kind(("salesforce",), {"message": None}, times=1),
    "job_aborted": Kind(("salesforce",), times=1),
    "job_stuck": Kind(("salesforce",)),
    "job_rejected": Kind(("salesforce",), {"code": "API_ERROR", "message": "Implementation restriction"}, times=1),
    "slow_job": Kind(("salesforce",), {"polls": 3}),
    "gzip": Kind(("salesforce", "hubspot")),
    "float_integers": Kind(("salesforce",)),
    "hidden_field": Kind(("salesforce",), {"object": "", "field": ""}),
    "added_field": Kind(("salesforce",), {"object": "", "field": "", "type": "string", "value": None}),
    "retyped_field": Kind(("salesforce",), {"object": "", "field": "", "type": "string"}),
    # HubSpot.
    "enforce_limits": Kind(("hubspot",), {"per_ten_seconds": 190, "searches_per_second": 5}),
    "search_lag": Kind(("hubspot",), {"seconds": 30}),
    "search_out_of_order": Kind(("hubspot",)),
    "search_out_of_window": Kind(("hubspot",)),
    "association_pages": Kind(("hubspot",), {"size": 2}),
    "partial_batch": Kind(("hubspot",), times=1),
    "history_cut": Kind(("hubspot",), {"values": 20}),  # of each property's history the newest values alone
    "milliseconds": Kind(("hubspot",)),
    "missing_scope": Kind(("hubspot",), {"scope": "crm.objects.contacts.read"}),
    "hidden_property": Kind(("hubspot",), {"object": "", "property": ""}),
    "retyped_property": Kind(("hubspot",), {"object": "", "property": "", "type": "string"}),  # values stay as they are
    # Segment.
    "archive_duplicates": Kind(("segment",)),
    "archive_truncated": Kind(("segment",)),
}

_WHERE: Final = ("name", "system", "path", "method", "after", "times")


class UnknownFault(Exception):
    """The control API was asked for a fault, or an option, that does not exist; the message lists those that do."""


@dataclass
class Fault:
    """One switched-on fault and how often it has struck."""

    number: int
    name: str
    system: str | None
    path: str | None
    method: str | None
    after: int
    times: int | None
    options: dict[str, Any]
    met: int = 0
    struck: int = 0

    def applies(self, name: str, system: str, path: str, method: str | None) -> bool:
        """Whether this call is one it is about; says nothing of ``after`` and ``times``."""
        return (
            self.name == name
            and self.system in (None, system)
            and (self.path is None or self.path in path)
            and (self.method is None or method is None or self.method == method)
            and (self.times is None or self.struck < self.times)
        )

    def as_json(self) -> dict[str, Any]:
        """For the control API."""
        where = {"id": self.number, "name": self.name, "system": self.system, "path": self.path, "method": self.method}
        return where | {"after": self.after, "times": self.times, "struck": self.struck} | self.options


class Faults:
    """The faults that are on; safe to ask from several threads."""

    def __init__(self) -> None:
        """None are on."""
        self._on: list[Fault] = []
        self._made = 0
        self._lock = threading.Lock()

    def add(self, spec: Mapping[str, Any]) -> Fault:
        """Switch one on. Raises UnknownFault for a name, a system or an option that does not exist."""
        name = spec.get("name")
        kind = KINDS.get(str(name))
        if kind is None:
            raise UnknownFault(f"There is no fault {name!r}; there are: {', '.join(sorted(KINDS))}.")
        system = spec.get("system")
        if system is not None and system not in kind.systems:
            raise UnknownFault(f"{name} strikes {', '.join(kind.systems)}, not {system!r}.")
        strange = sorted(set(spec) - set(kind.options) - set(_WHERE))
        if strange:
            known = ", ".join((*_WHERE, *kind.options))
            raise UnknownFault(f"{name} has no option {', '.join(strange)}; it has: {known}.")
        options = {option: spec.get(option, default) for option, default in kind.options.items()}
        with self._lock:
            self._made += 1
            fault = Fault(
                self._made,
                str(name),
                system,
                spec.get("path"),
                spec.get("method"),
                int(spec.get("after") or 0),
                spec.get("times", kind.times),
                options,
            )
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._on.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Those that are on or were, with how often each has struck."""
        with self._lock:
            return [fault.as_json() for fault in self._on]

    def strike(self, name: str, system: str, path: str = "", method: str | None = None) -> dict[str, Any] | None:
        """The options of the fault that strikes this call, which is then used up by one; None when none does."""
        with self._lock:
            for fault in self._on:
                if not fault.applies(name, system, path, method):
                    continue
                fault.met += 1
                if fault.met > fault.after:
                    fault.struck += 1
                    return fault.options
        return None

    def lasting(self, name: str, system: str) -> list[dict[str, Any]]:
        """The options of every such fault that is on, without using any up: for states, not for single calls."""
        with self._lock:
            return [fault.options for fault in self._on if fault.applies(name, system, fault.path or "", None)]
