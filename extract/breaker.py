"""The circuit breaker: when half of a batch fails, it is not its records that are wrong, and nothing is written.

It is asked before the first write. What it holds back stays where it is, in the log or among the dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extract.source import ConfigurationError, SourceError

SHARE, MINIMUM = "BRAID_BREAKER_SHARE", "BRAID_BREAKER_MINIMUM"


class Tripped(SourceError):
    """Too much of a batch fails; nothing of it was written."""

    permanent = True


@dataclass(frozen=True)
class Breaker:
    """Trips when at least ``share`` (0 to 1; None never) of a batch of at least ``minimum`` records fails."""

    share: float | None = 0.5
    minimum: int = 20

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Breaker:
        """BRAID_BREAKER_SHARE (0.5, or off) and BRAID_BREAKER_MINIMUM (20). Raises ConfigurationError."""
        share, minimum = env.get(SHARE, "").strip(), env.get(MINIMUM, "").strip()
        found = cls()
        try:
            if share:
                found = cls(share_of(share), found.minimum)
        except ValueError:
            raise ConfigurationError(f"{SHARE} is {share!r}: write a share above 0 and up to 1, or off.") from None
        if minimum:
            if not (minimum.isdigit() and int(minimum) > 0):
                raise ConfigurationError(f"{MINIMUM} is {minimum!r}: write a whole number of at least 1.")
            found = cls(found.share, int(minimum))
        return found

    def trips(self, failed: int, total: int) -> bool:
        """Whether ``failed`` of ``total`` are too many."""
        return self.share is not None and total >= self.minimum and failed > 0 and failed >= self.share * total


def share_of(text: str) -> float | None:
    """A share as people write it; ``off`` is None. Raises ValueError."""
    if text.lower() == "off":
        return None
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError(text)
    return share
