"""Bodies on their way in: how large one may be, how slow, and how much of all of them this process holds."""

from __future__ import annotations

import asyncio
from functools import partial

from collect.answers import Receive
from collect.body import Refused, too_large

# Bodies that are still arriving, all together: more than that is answered with 503 and comes again.
ARRIVING_BYTES = 128 * 1024 * 1024
BODY_SECONDS = 30.0
RETRY_SECONDS = 2
# Made anew for each raise: an exception that is raised twice keeps the frames of both, and with them what was sent.
_STALLED = partial(Refused, 408, "body_incomplete", "The body did not arrive in time.")
_SATURATED = partial(Refused, 503, "busy", "More is arriving than this server can hold.", retry_after=RETRY_SECONDS)


class Arriving:
    """Reads bodies; what is on its way is counted over all requests."""

    def __init__(self, body_bytes: int) -> None:
        """``body_bytes`` is the most that one body may have."""
        self._body_bytes = body_bytes
        self._bytes = 0

    async def body(self, receive: Receive) -> bytes:
        """The body, in as many parts as it comes; Refused when it is too large (413), too slow (408) or too much with
        all others (503).
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _STALLED()
                    part: bytes = message.get("body", b"")
                    if not parts and not message.get("more_body"):
                        # Nearly all.
                        return part
                    parts.append(part)
                    size += len(part)
                    self._bytes += len(part)
                    if size > self._body_bytes:
                        raise too_large(self._body_bytes)
                    if self._bytes > ARRIVING_BYTES:
                        raise _SATURATED()
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise _STALLED() from None
        finally:
            self._bytes -= size
