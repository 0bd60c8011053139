"""How many calls a run may make: a share of the system's daily quota, and if wanted a number for each run.

The share is of what the server itself says is used and allowed, by everybody: a run stops before the organisation's
other tools are left without calls. What was landed stays, and the next run goes on from the watermark.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from extract.source import ConfigurationError, RateLimited

SHARE = 0.8


class Budget:
    """Calls made so far, and the day's quota as the server last told it. Safe to use from several threads."""

    def __init__(self, system: str, *, share: float = SHARE, run_calls: int | None = None) -> None:
        """``system`` is the prefix of the settings, such as ``SALESFORCE``; ``share`` of the day's quota, 0 to 1."""
        self._system = system
        self._share = share
        self._run_calls = run_calls
        self._lock = threading.Lock()
        self.calls = 0
        self.used: int | None = None
        self.most: int | None = None

    @classmethod
    def from_environment(cls, system: str, env: Mapping[str, str]) -> Budget:
        """Settings ``<SYSTEM>_QUOTA_SHARE`` (default 0.8) and ``<SYSTEM>_RUN_CALLS`` (default: no limit)."""
        share, calls = env.get(f"{system}_QUOTA_SHARE", "").strip(), env.get(f"{system}_RUN_CALLS", "").strip()
        try:
            part = float(share or SHARE)
        except ValueError:
            part = -1.0
        if not 0 < part <= 1:
            raise ConfigurationError(
                f"{system}_QUOTA_SHARE must be the share of the day's calls that may be used up, such as 0.8."
            )
        if calls and not (calls.isdecimal() and int(calls)):
            raise ConfigurationError(f"{system}_RUN_CALLS must be a whole number of calls that one run may make.")
        return cls(system, share=part, run_calls=int(calls) if calls else None)

    def spend(self) -> None:
        """Note a call that is about to be made. Raises RateLimited when it is one too many."""
        with self._lock:
            if self._run_calls is not None and self.calls >= self._run_calls:
                raise RateLimited(
                    f"This run has made its {self._run_calls} calls ({self._system}_RUN_CALLS); what was landed stays, "
                    "the next run goes on from there."
                )
            if self.used is not None and self.most and self.used >= self._share * self.most:
                raise RateLimited(
                    f"{self.used:,} of the day's {self.most:,} calls are used, and {self._system}_QUOTA_SHARE leaves "
                    f"what is above {self._share:.0%} to others; the next run goes on from the watermark."
                )
            self.calls += 1

    def heard(self, used: int, most: int) -> None:
        """Note what the server says of the day's quota."""
        with self._lock:
            self.used, self.most = used, most
