"""Which dead letters are meant: all conditions that are given hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.fixing import paths


@dataclass(frozen=True)
class Selection:
    """Empty conditions say nothing. Times are naive UTC; ``seen_from`` is inclusive, ``seen_before`` is not.

    ``rules`` and ``path`` are looked for in every violation of a letter, ``[]`` in a path being any entry of a list.
    """

    sources: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    plan_versions: tuple[str, ...] = ()
    seen_from: datetime | None = None
    seen_before: datetime | None = None
    ids: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it would take every letter there is."""
        return self == Selection()

    def takes(self, rule: str, violations: Iterable[Mapping[str, Any]]) -> bool:
        """Whether rule and path are meant; what else there is to ask, the warehouse is asked."""
        told = list(violations)
        if self.rules and not ({rule, *(one.get("rule") for one in told)} & {*self.rules}):
            return False
        return not self.paths or any(paths.general(str(one.get("path", ""))) in self.paths for one in told)
