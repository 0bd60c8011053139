"""Identifiers as each system makes them, by columns."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company.columns import Ints, Texts

_BASE62: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_CHECK: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)
_BASE36: Final = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def _text(letters: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Texts:
    """Rows of ASCII letters as text."""
    rows, width = letters.shape
    if not rows:
        return np.empty(0, dtype=object)
    joined = np.ascontiguousarray(letters).view(f"S{width}").ravel()
    return joined.astype(f"U{width}").astype(object)


def salesforce_ids(prefix: str, numbers: Ints) -> Texts:
    """18-character ids: key prefix, instance, counter in base 62, and the checksum that tells case apart.

    The checksum has a letter for each five characters: bit ``i`` is set when character ``i`` is upper case.
    """
    letters = np.empty((len(numbers), 18), dtype=np.uint8)
    letters[:, :3] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    letters[:, 3:9] = np.frombuffer(b"bD0000", dtype=np.uint8)
    rest = numbers.copy()
    for place in range(14, 8, -1):
        letters[:, place] = _BASE62[rest % 62]
        rest //= 62
    upper = (letters[:, :15] >= ord("A")) & (letters[:, :15] <= ord("Z"))
    weights = np.array([1, 2, 4, 8, 16])
    for group in range(3):
        letters[:, 15 + group] = _CHECK[upper[:, group * 5 : group * 5 + 5] @ weights]
    return _text(letters)


def uuids(rng: np.random.Generator, count: int) -> Texts:
    """Random UUIDs, version 4, in their usual writing."""
    nibbles = rng.integers(0, 16, size=(count, 32), dtype=np.uint8)
    nibbles[:, 12] = 4
    nibbles[:, 16] = (nibbles[:, 16] & 3) | 8
    letters = np.full((count, 36), ord("-"), dtype=np.uint8)
    places = [place for place in range(36) if place not in (8, 13, 18, 23)]
    letters[:, places] = _HEX[nibbles]
    return _text(letters)


def user_ids(seed: int, numbers: Ints) -> Texts:
    """The product's own user ids: ``u_`` and ten characters that show nothing, one for each person number."""
    modulus = np.int64(36**6)
    # Odd and not divisible by 3: coprime to 36**6, so no two numbers below the modulus meet.
    scrambled = (numbers * 1_298_457_461 + seed * 7919) % modulus
    mixed = (numbers * 48_271 + 11) % 1_679_616
    letters = np.empty((len(numbers), 12), dtype=np.uint8)
    letters[:, :2] = np.frombuffer(b"u_", dtype=np.uint8)
    for values, first, last in ((scrambled.copy(), 2, 8), (mixed.copy(), 8, 12)):
        for place in range(last - 1, first - 1, -1):
            letters[:, place] = _BASE36[values % 36]
            values //= 36
    return _text(letters)


def numeric_ids(numbers: Ints) -> Texts:
    """Numbers as text, as HubSpot shows its ids."""
    return numbers.astype("U20").astype(object)
