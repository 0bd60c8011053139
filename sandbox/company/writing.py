"""How a value is written down: the same name, address and phone look different in each system."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.company.columns import Bools, Frame, Ints, Texts, chance, map_text, nothing, where
from sandbox.company.people import JUNK, MAIN, emails, junk_phones
from sandbox.company.phones import DIRECT, MOBILE, OFFICE, phones
from sandbox.company.words import COUNTRY_SPELLINGS, texts

# Share of each style of phones.written: forms ask for E.164, people write what they like.
TIDY = (0.70, 0.10, 0.10, 0.05, 0.02, 0.01, 0.02)
LOOSE = (0.22, 0.20, 0.24, 0.14, 0.06, 0.03, 0.11)


def cased(rng: np.random.Generator, names: Texts, upper: float = 0.04, lower: float = 0.03) -> Texts:
    """Names, some shouted, some whispered."""
    draw = rng.random(len(names))
    found = where(draw < upper, map_text(names, str.upper), names)
    return where(draw > 1 - lower, map_text(names, str.lower), found)


def written_emails(rng: np.random.Generator, people: Frame, which: Ints, slot: int, capitals: float) -> Texts:
    """The addresses a slot shows, some with capitals, some Gmail ones without their dots; null stays null."""
    address = emails(people, which, slot)
    plain = pa.array(address, type=pa.string())
    draw = rng.random(len(which))
    found = where(draw < capitals, _text(pc.utf8_title(plain)), address)
    found = where(draw > 1 - capitals / 5, _text(pc.utf8_upper(plain)), found)
    gmail = np.asarray(pc.ends_with(pa.array(where(known(address), address, ""), type=pa.string()), "@gmail.com"))
    local = pc.replace_substring(pc.replace_substring_regex(plain, "@.*", ""), ".", "")
    undotted = gmail & chance(rng, len(which), 0.03)
    found[undotted] = _text(local)[undotted] + "@gmail.com"
    return found


def written_phones(
    rng: np.random.Generator, people: Frame, firms: Frame, which: Ints, slot: int, styles: tuple[float, ...]
) -> Texts:
    """The phone a slot shows: the own mobile, a fixed line (a household's is one), or the office's switchboard."""
    country = people["country"][which]
    style = rng.choice(len(styles), size=len(which), p=styles)
    seed = 11
    found = phones(country, people["number"][which], MOBILE, seed).written(style)
    fixed = people["fixed"][which, slot]
    direct = np.flatnonzero(fixed & ~people["office_phone"][which])
    found[direct] = phones(country[direct], people["phone_of"][which[direct]], DIRECT, seed).written(style[direct])
    office = np.flatnonzero(fixed & people["office_phone"][which])
    firm = people["firm"][which[office]]
    found[office] = phones(firms["country"][firm], firms["number"][firm], OFFICE, seed).written(style[office])
    state = people["state_phone"][which, slot]
    found = where(state == MAIN, found, None)
    return where(state == JUNK, junk_phones(people, which), found)


def written_mobiles(
    rng: np.random.Generator, people: Frame, which: Ints, slot: int, share: float, styles: tuple[float, ...]
) -> Texts:
    """The mobile in a field of its own, for this share of those whose phone is known."""
    style = rng.choice(len(styles), size=len(which), p=styles)
    mobile = phones(people["country"][which], people["number"][which], MOBILE, 11).written(style)
    shown = (people["state_phone"][which, slot] == MAIN) & chance(rng, len(which), share)
    return where(shown, mobile, None)


def firm_phones(rng: np.random.Generator, firms: Frame, which: Ints, styles: tuple[float, ...]) -> Texts:
    """The switchboards of firms."""
    style = rng.choice(len(styles), size=len(which), p=styles)
    return phones(firms["country"][which], firms["number"][which], OFFICE, 11).written(style)


def country_names(rng: np.random.Generator, country: Ints, first: float = 0.75) -> Texts:
    """Countries, mostly by their English name, else as somebody put it."""
    draw = rng.random(len(country))
    way = np.where(draw < first, 0, np.where(draw < (1 + first) / 2, 1, 2))
    table = np.array(COUNTRY_SPELLINGS, dtype=object)
    found: Texts = table[country, way]
    return found


def some(rng: np.random.Generator, values: Texts, share: float) -> Texts:
    """The values, null but for this share."""
    return where(chance(rng, len(values), share), values, None)


def pick(rng: np.random.Generator, words: Texts | tuple[str, ...], count: int) -> Texts:
    """Words at random."""
    choices = words if isinstance(words, np.ndarray) else texts(words)
    found: Texts = choices[rng.integers(0, len(choices), count)]
    return found


def nothing_but(word: str, count: int) -> Texts:
    """One word all the way down."""
    found = nothing(count)
    found[:] = word
    return found


def _text(array: pa.Array[pa.StringScalar]) -> Texts:
    found: Texts = array.to_numpy(zero_copy_only=False)
    return found


def known(column: Texts) -> Bools:
    """True where the column has a value."""
    return np.asarray(pa.array(column, type=pa.string()).is_valid())
