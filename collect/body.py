"""The body of a request: bounded in bytes before and after it is unpacked, then JSON and nothing else."""

from __future__ import annotations

import json
import zlib
from typing import Any, NoReturn

import orjson


class Refused(Exception):
    """A request that is answered with an error: the status, a short code for machines and a sentence for people."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        """``retry_after`` in whole seconds, as every SDK reads it."""
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


def too_large(limit: int) -> Refused:
    """The answer to a body of more than ``limit`` bytes."""
    return Refused(413, "too_large", f"A request has at most {limit:,} bytes, unpacked: send smaller batches.")


def unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding, at most ``limit`` bytes; Refused otherwise."""
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise Refused(415, "encoding_unknown", "Content-Encoding is neither gzip, deflate nor identity.")
    try:
        # 32: gzip and zlib are told apart by their first bytes.
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        # No more than a byte over the limit is ever unpacked, however much a small body claims to be.
        data = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, "encoding_invalid", "The body is not what its Content-Encoding says.") from None
    if len(data) > limit:
        raise too_large(limit)
    if not unpacker.eof:
        raise Refused(400, "encoding_invalid", "The packed body is cut off.")
    return data


def parsed(body: bytes) -> dict[str, Any]:
    """The object in a body; Refused when it is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = _lenient(body)
    if not isinstance(found, dict):
        raise Refused(400, "not_an_object", "The body is JSON, but no object.")
    return found


def _lenient(body: bytes) -> Any:
    """Half of a surrogate pair, which browsers write when a text is cut within an emoji, becomes a question mark."""
    if b"\\u" not in body:
        _malformed()
    try:
        loose = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        return orjson.loads(json.dumps(loose, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        _malformed()


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def _malformed() -> NoReturn:
    raise Refused(400, "malformed_json", "The body is no JSON in UTF-8.")
