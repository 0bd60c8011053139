"""uvicorn's HTTP protocol with bounds it does not have: how large a request's head may be, and how slowly it may come.

The parser below it gathers a header until its end, however far that is, and waits for it as long as the client likes.
What follows the last chunk of a body (trailers) is a head by the same bounds, and nobody reads it.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 256 * 1024
HEAD_SECONDS = 30.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose requests have heads of bounded size and age.

    Bytes are counted by the chunks they come in, so a head may share its first chunk with the body before it: the bound
    is far above any head there is, and far below what memory would notice.
    """

    head_seconds = HEAD_SECONDS
    _in_head = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None
    _in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that never sends anything is an unfinished head, too."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.head_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then see whether a head is still unfinished."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._in_body, self._head_bytes = True, False, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the head; trailers are dropped."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._in_head, self._in_body = False, True
        if self._timer is not None:
            self._stop_timer()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk begins; when no body follows it was the last, and trailers do."""
        self._in_head, self._head_bytes = True, 0

    def on_body(self, body: bytes) -> None:
        """Part of a body, of a chunk's too."""
        self._in_head = False
        if self._timer is not None:
            self._stop_timer()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing of it is to come."""
        self._in_head = False
        if self._timer is not None:
            self._stop_timer()
        super().on_message_complete()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
