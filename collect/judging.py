"""The seam to the tracking plan: who judges an event, and what a verdict says.

The shapes are protocols, so that a plan knows nothing of the collector, and the collector only this of a plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol


class Violation(Protocol):
    """One rule that an event breaks. Never a value of the event: that may be personal."""

    @property
    def rule(self) -> str:
        """The rule's name."""

    @property
    def path(self) -> str:
        """Where in the event."""

    @property
    def message(self) -> str:
        """One sentence."""


class Verdict(Protocol):
    """What a plan says of an event."""

    @property
    def event_name(self) -> str | None:
        """The plan's name for it, None when it is not planned."""

    @property
    def event_version(self) -> str | None:
        """The version it was judged by."""

    @property
    def violations(self) -> Sequence[Violation]:
        """The rules it breaks."""

    @property
    def action(self) -> Literal["pass", "strip", "dead_letter"]:
        """What becomes of it."""

    @property
    def event(self) -> Mapping[str, Any]:
        """The event, without the properties that were stripped."""


class Judge(Protocol):
    """A tracking plan, ready to judge."""

    @property
    def version(self) -> str:
        """Which plan this is, told with every event."""

    def judge(self, event: Mapping[str, Any], write_key_source: str) -> Verdict:
        """The verdict on one event of a source. Any exception sends the event to the dead letters."""


class Unplanned:
    """The judge of those who have no plan: everything passes, unnamed."""

    version = "none"
    event_name: None = None
    event_version: None = None
    violations: Sequence[Violation] = ()
    action: Literal["pass"] = "pass"
    event: Mapping[str, Any] = {}

    def judge(self, event: Mapping[str, Any], write_key_source: str) -> Verdict:
        """Pass. The verdict is this object itself; whoever passes an event uses the event it has."""
        return self
