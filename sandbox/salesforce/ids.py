"""Salesforce ids: 15 characters that differ by case, and the 18-character form that carries the case in a suffix."""

from __future__ import annotations

import re

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")


def to_18(short: str) -> str:
    """The 18-character form of a 15-character id: each suffix letter holds the upper-case bits of five characters."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << n for n, char in enumerate(short[start : start + 5]) if char.isascii() and char.isupper())
        suffix += _SUFFIX[bits]
    return short + suffix


def numbered(prefix: str, number: int) -> str:
    """The id of the n-th thing of a kind (jobs, cursors) in its 18-character form."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return to_18(prefix + "RO0" + digits.rjust(12 - len(prefix), "0"))


def normalised(text: str) -> str | None:
    """The 18-character form of an id as someone wrote it, or None when it cannot be one."""
    if not _ID.fullmatch(text):
        return None
    return to_18(text[:15])
