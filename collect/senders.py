"""Who sends a request: the source of a write key, and the key in a login or a query."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from urllib.parse import parse_qs

from collect.answers import Scope
from collect.body import Refused
from collect.limits import Keys, Source

# A Basic header with the longest key there may be, and how many are remembered.
_LOGIN_BYTES, _LOGINS = 512, 10_000
# Made anew for each raise: an exception that is raised twice keeps the frames of both, and with them what was sent.
_NO_KEY = partial(
    Refused, 401, "write_key_missing", "No write key is given: as Basic user, writeKey in the body, or X-Write-Key."
)
_BAD_KEY = partial(Refused, 401, "write_key_unknown", "The write key is unknown or revoked.")


def asked_key(scope: Scope) -> str | None:
    """The write key in the query of a request."""
    query: bytes = scope["query_string"]
    if not query:
        return None
    return next(iter(parse_qs(query.decode("latin-1")).get("writeKey", ())), None)


class Senders:
    """Finds the source of a key, and the key in a Basic header."""

    def __init__(self, keys: Keys) -> None:
        """``keys`` are those that may write."""
        self._keys = keys
        self._logins: dict[bytes, str] = {}

    def remembered(self) -> int:
        """How many headers are known by heart."""
        return len(self._logins)

    def source(self, key: str | None) -> Source:
        """The source whose key it is; Refused (401) when there is no key or it may not write."""
        if not key:
            raise _NO_KEY()
        found = self._keys.find(key)
        if found is None:
            raise _BAD_KEY()
        return found

    def login(self, header: bytes) -> str | None:
        """The user of a Basic header, which is the write key; None when it is another kind of header."""
        try:
            return self._logins[header]
        except KeyError:
            pass
        if header[:6].lower() != b"basic ":
            return None
        if len(header) > _LOGIN_BYTES:
            raise _BAD_KEY()
        try:
            found = base64.b64decode(header[6:], validate=True).decode("latin-1").partition(":")[0] or None
        except (binascii.Error, ValueError):
            raise _BAD_KEY() from None
        # Only of keys that there are: what anybody may send must not stay here.
        if found is not None and self._keys.find(found) is not None:
            if len(self._logins) >= _LOGINS:
                self._logins.clear()
            self._logins[header] = found
        return found
