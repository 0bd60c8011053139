"""Phone numbers: valid for their country, unique by number, written the many ways people write them."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company.columns import DIGITS, Ints, Texts
from sandbox.company.words import texts

CALLING_CODES: Final = ("1", "44", "49", "33")
MOBILE, DIRECT, OFFICE = 0, 1, 2
STYLES: Final = 7
E164: Final = 0

_US_AREAS: Final = texts(
    "503 971 512 737 312 773 303 720 617 857 404 678 206 425 602 480 305 786 614 380 415 213 202 703 919 612"
)
_US_EXCHANGES: Final = texts([f"{n}" for n in range(220, 990) if n % 100 != 11 and n not in (555, 911)])
_GB_MOBILE: Final = texts([f"7{n}" for n in range(400, 416)] + [f"7{n}" for n in range(710, 726)])
_DE_MOBILE: Final = texts(["151", "157", "176", "159"])
_DE_FIXED: Final = texts(["30", "89", "40", "221", "711"])
_FR_FIXED: Final = texts(["1", "4", "5"])


class Phones:
    """A column of phones in three parts; ``country`` indexes ``words.COUNTRIES``."""

    def __init__(self, country: Ints, a: Texts, b: Texts, c: Texts) -> None:
        """Parts of the national number, without trunk zero."""
        self.country, self.a, self.b, self.c = country, a, b, c

    def written(self, style: Ints) -> Texts:
        """Each phone in a style below ``STYLES``; 0 is E.164, 5 and 6 the sloppiest."""
        out = np.full(len(style), None, dtype=object)
        for country, code in enumerate(CALLING_CODES):
            for number in range(STYLES):
                which = np.flatnonzero((self.country == country) & (style == number))
                if len(which):
                    out[which] = _write(country, code, number, self.a[which], self.b[which], self.c[which])
        return out


def phones(country: Ints, number: Ints, kind: int, seed: int) -> Phones:
    """One phone for each (country, number, kind); different triples never share one.

    ``kind`` is MOBILE, DIRECT (a fixed line) or OFFICE (a switchboard). US numbers do not show the kind.
    """
    a, b, c = (np.full(len(number), None, dtype=object) for _ in range(3))
    for index in range(len(CALLING_CODES)):
        which = np.flatnonzero(country == index)
        if not len(which):
            continue
        if index == 0:
            spot = _spread(number[which] * 3 + kind, seed, len(_US_AREAS) * len(_US_EXCHANGES) * 10_000)
            a[which] = _US_AREAS[spot % len(_US_AREAS)]
            rest = spot // len(_US_AREAS)
            b[which], c[which] = _US_EXCHANGES[rest % len(_US_EXCHANGES)], DIGITS[4][rest // len(_US_EXCHANGES)]
        elif index == 1 and kind == MOBILE:
            spot = _spread(number[which], seed, len(_GB_MOBILE) * 1_000_000)
            rest = spot // len(_GB_MOBILE)
            a[which] = _GB_MOBILE[spot % len(_GB_MOBILE)]
            b[which], c[which] = DIGITS[3][rest % 1000], DIGITS[3][rest // 1000]
        elif index == 1:
            spot = _spread(number[which] * 2 + (kind == OFFICE), seed, 20_000_000)
            a[which] = "20"
            b[which], c[which] = DIGITS[4][7000 + spot % 2000], DIGITS[4][spot // 2000]
        else:
            mobile, fixed = (_DE_MOBILE, _DE_FIXED) if index == 2 else (texts(["6"]), _FR_FIXED)
            heads = mobile if kind == MOBILE else fixed
            spot = _spread(number[which] * 2 + (kind == OFFICE), seed, len(heads) * 20_000_000)
            rest = spot // len(heads)
            a[which] = heads[spot % len(heads)]
            b[which], c[which] = DIGITS[4][4000 + rest % 2000], DIGITS[4][rest // 2000]
    return Phones(country, a, b, c)


def _spread(number: Ints, seed: int, size: int) -> Ints:
    """Numbers scattered over ``size`` spots, no two on one: the factor is a prime that divides no size used here."""
    return np.asarray((number * 1_000_003 + seed * 7919) % size, dtype=np.int64)


def _write(country: int, code: str, style: int, a: Texts, b: Texts, c: Texts) -> Texts:
    found: Texts
    if style == E164:
        found = "+" + code + a + b + c
    elif style == 1:
        found = f"+{code} " + a + " " + b + (" " if country in (0, 3) else "") + c
    elif country == 0:
        found = {
            2: lambda: "(" + a + ") " + b + "-" + c,
            3: lambda: a + "-" + b + "-" + c,
            4: lambda: "1-" + a + "-" + b + "-" + c,
            5: lambda: a + "." + b + "." + c,
            6: lambda: a + b + c,
        }[style]()
    elif style == 2:
        found = "0" + a + " " + b + (" " if country == 1 else "") + c
    elif style == 3:
        found = ("(0" + a + ") " + b + c) if country == 1 else "0" + a + "/" + b + c
    elif style == 4:
        found = f"00{code} " + a + " " + b + c
    elif style == 5:
        found = f"+{code} (0)" + a + " " + b + c
    else:
        found = "0" + a + b + c
    return found
