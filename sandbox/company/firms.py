"""The firms people work for, as they are; what a system says of them is that system's affair."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company.columns import DIGITS, Frame, Ints, Texts, chance, nothing, where
from sandbox.company.words import (
    CITIES,
    COUNTRIES,
    COUNTRY_SHARES,
    FIRM_HEADS,
    FIRM_SUFFIXES,
    FIRM_TAILS,
    INDUSTRIES,
    STREETS,
    texts,
)

FIRMS_A_PERSON: Final = 0.12
LOWER_HEADS: Final = texts(word.lower() for word in FIRM_HEADS)
LOWER_TAILS: Final = texts(word.lower() for word in FIRM_TAILS)


def make_firms(rng: np.random.Generator, first_number: int, count: int) -> Frame:
    """Firms with consecutive numbers; names and domains never repeat."""
    number = np.arange(first_number, first_number + count, dtype=np.int64)
    heads, tails = len(FIRM_HEADS), len(FIRM_TAILS)
    spot = (number * 1_000_003) % (heads * tails)
    again = number // (heads * tails)
    head, tail = FIRM_HEADS[spot % heads], FIRM_TAILS[spot // heads]
    middle = where(again > 0, FIRM_HEADS[again % heads] + " ", "")
    lower_middle = where(again > 0, LOWER_HEADS[again % heads], "")
    name = head + " " + middle + tail
    country = rng.choice(len(COUNTRIES), size=count, p=COUNTRY_SHARES).astype(np.int64)
    suffix = pick_by(country, FIRM_SUFFIXES, rng)
    street, city, postal = addresses(rng, country)
    employees = np.maximum(2, np.floor(np.exp(rng.normal(4, 1.4, count)))).astype(np.int64)
    domain = LOWER_HEADS[spot % heads] + lower_middle + LOWER_TAILS[spot // heads] + ".example"
    return Frame(
        {
            "number": number,
            "country": country,
            "name": name,
            "suffix": suffix,
            "domain": domain,
            "industry": INDUSTRIES[rng.integers(0, len(INDUSTRIES), count)],
            "employees": employees,
            "revenue": employees * rng.integers(60_000_00, 220_000_00, count),
            "street": street,
            "city": city,
            "postal": postal,
            "pattern": rng.integers(0, 3, count),
        }
    )


def pick_by(country: Ints, lists: tuple[Texts, ...], rng: np.random.Generator) -> Texts:
    """A word of each row's own country."""
    found = nothing(len(country))
    draw = rng.random(len(country))
    for index, words in enumerate(lists):
        mask = country == index
        found[mask] = words[np.floor(draw[mask] * len(words)).astype(np.int64)]
    return found


def addresses(rng: np.random.Generator, country: Ints) -> tuple[Texts, Texts, Texts]:
    """Street with house number (some on two lines, some in quotes), city and a postal code of that city."""
    count = len(country)
    name = pick_by(country, STREETS, rng)
    house = rng.integers(1, 240, count).astype("U").astype(object)
    # Germany writes the number after the street.
    street = where(country == 2, name + " " + house, house + " " + name)
    two_lines = chance(rng, count, 0.05)
    street[two_lines] = (
        street[two_lines] + "\n" + texts(("Suite 200", "Floor 3", "Unit 4"))[house_index(house, 3)][two_lines]
    )
    quoted = chance(rng, count, 0.01)
    street[quoted] = '"The Loft", ' + street[quoted]
    city, postal = nothing(count), nothing(count)
    draw = rng.integers(0, 1_000_000, count)
    for index, places in enumerate(CITIES):
        mask = country == index
        which = draw[mask] % len(places)
        rest = draw[mask] // len(places)
        digits = DIGITS[1][1 + rest % 9] if index == 1 else DIGITS[2][rest % 100]
        before = texts([place[1].split("{}")[0] for place in places])[which]
        after = texts([place[1].split("{}")[1] for place in places])[which]
        city[mask] = texts([place[0] for place in places])[which]
        postal[mask] = before + digits + after
    return street, city, postal


def house_index(house: Texts, size: int) -> Ints:
    """An index below ``size`` that follows from the house number."""
    return house.astype(np.int64) % size
