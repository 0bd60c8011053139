"""Secrets taken out of a text that leaves the house."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSPHRASE|PRIVATE_KEY$|API_KEY|ACCESS_KEY|WEBHOOK", re.IGNORECASE)
_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s:@]+(:[^/\s@]*)?@", re.IGNORECASE)
_IN_HEADER = re.compile(r"\b(?P<word>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}")
# Shorter values are words of the language more often than secrets.
_SHORTEST = 5
HIDDEN = "[hidden]"


def secret_values(*settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Values whose names say that they are secret: of the environment, or of a profile's target."""
    values = (
        value.strip()
        for mapping in settings
        for name, value in mapping.items()
        if isinstance(value, str) and _SECRET_NAME.search(name)
    )
    # The longest first: one may be the beginning of another.
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}, key=lambda text: (-len(text), text)))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` without ``secrets``, and without what looks like a credential in a URL or a header."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _IN_URL.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _IN_HEADER.sub(rf"\g<word> {HIDDEN}", text)
