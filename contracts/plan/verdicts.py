"""What a plan says of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

Action = Literal["pass", "strip", "dead_letter"]
PASS: Final[Action] = "pass"


class Violation(NamedTuple):
    """A rule an event breaks: ``rule`` (a JSON Schema keyword or one of ours), where, and in words.

    Neither holds a value of the event, nor a name that only the event knows and that may be somebody's: both can be
    kept, counted and shown where personal data cannot.
    """

    rule: str
    path: str
    message: str


class Verdict(NamedTuple):
    """What happens to an event, and why.

    ``event_name`` is the planned or given name (null where the call has none), ``event_version`` the version it was
    judged by (null when by none), ``event`` the event as it may go on: without what was stripped when ``action`` is
    ``strip``, and as it came otherwise.
    """

    event_name: str | None
    event_version: str | None
    violations: tuple[Violation, ...]
    action: Action
    event: Mapping[str, Any]
