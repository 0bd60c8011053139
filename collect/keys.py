"""Write keys: one or more a source, hashed at rest, revocable, each with its rate.

A write key in a browser is public: it may append events of one source, and nothing else. The file holds SHA-256 of each
key: a key that is made here has 190 random bits, which no counting finds. A server looks at the file every second, so a
key that is revoked stops within two.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import string
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from collect import CollectError
from log.files import make_folder, replace_durably

DEFAULT_RATE = 1000
# Shorter ones could be found by counting from the file.
MIN_KEY_LENGTH = 20
# Nobody's are longer; what is sent as a key is not looked at beyond that.
MAX_KEY_LENGTH = 256
_ALPHABET = string.ascii_letters + string.digits
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID_LENGTH = 12


@dataclass(frozen=True)
class WriteKey:
    """A key as it is kept. ``rate`` is events a second; times are ISO 8601, UTC."""

    sha256: str
    source: str
    rate: int
    created_at: str
    revoked_at: str | None = None

    @property
    def key_id(self) -> str:
        """What people call it by."""
        return self.sha256[:_ID_LENGTH]


def hashed(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class KeyFile:
    """The keys in one JSON file."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet; a file that does not exist holds no keys."""
        self.path = path

    def listed(self, *, missing_ok: bool = True) -> list[WriteKey]:
        """All keys, also the revoked ones; CollectError when the file is not one of keys, or missing without leave."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return [WriteKey(**item) for item in content["keys"]]
        except FileNotFoundError:
            if missing_ok:
                return []
            raise CollectError(
                f"{self.path} is missing, and the keys it had go on: restore it, or restart to be without them."
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CollectError(
                f"{self.path} cannot be read as write keys ({type(error).__name__}): restore it, or remove it and make "
                "new keys with `braid collect keys add`."
            ) from None

    def add(self, source: str, *, key: str | None = None, rate: int = DEFAULT_RATE) -> tuple[str, WriteKey]:
        """Make a key for a source, or take one in use elsewhere; returns the key, kept nowhere, and its record."""
        if not _SOURCE.fullmatch(source):
            raise CollectError(
                f"{source!r} is no name of a source: use lower-case letters, digits and _, a letter first, 63 at most."
            )
        if key is not None and (len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable() or ":" in key):
            raise CollectError(
                f"A key needs {MIN_KEY_LENGTH} or more printable ASCII characters without a colon: shorter ones could "
                "be guessed from the file. Leave --key out to get a new one."
            )
        if key is not None and len(key) > MAX_KEY_LENGTH:
            raise CollectError(f"A key has at most {MAX_KEY_LENGTH} characters: give a shorter one.")
        with self._locked():
            made = key or "wk_" + "".join(secrets.choice(_ALPHABET) for _ in range(32))
            entry = WriteKey(hashed(made), source, rate, _now())
            kept = self.listed()
            if any(other.sha256 == entry.sha256 for other in kept):
                raise CollectError(
                    "This key is known already: a key belongs to one source, and a revoked one stays revoked."
                )
            self._write([*kept, entry])
        return made, entry

    def revoke(self, key_id: str) -> WriteKey:
        """Revoke the key with this id (or its first characters, when no other begins so); again is no error."""
        with self._locked():
            kept = self.listed()
            found = [entry for entry in kept if key_id and entry.sha256.startswith(key_id)]
            if len(found) != 1:
                how_many = "No key has" if not found else f"{len(found)} keys have"
                raise CollectError(f"{how_many} the id {key_id!r}: see `braid collect keys list`.")
            (old,) = found
            revoked = old if old.revoked_at else replace(old, revoked_at=_now())
            self._write([revoked if entry is old else entry for entry in kept])
        return revoked

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file does; None without a file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _locked(self) -> AbstractContextManager[object]:
        import filelock

        try:
            make_folder(self.path.parent)
        except OSError as error:
            raise CollectError(
                f"{self.path.parent} cannot be made ({error.strerror}): give a folder that may be written to."
            ) from None
        return filelock.FileLock(self.path.with_name(self.path.name + ".lock"))

    def _write(self, keys: list[WriteKey]) -> None:
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        content = json.dumps({"keys": [asdict(entry) for entry in keys]}, indent=2)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
        replace_durably(draft, self.path)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
