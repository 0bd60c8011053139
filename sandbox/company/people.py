"""People: who they are, which systems know them, and the noise each carries.

The shares of noise are of all people and are met exactly, cohort after cohort; who carries which is drawn among those
in whom it can show. A mistaken email needs a second record that has the right one, a shared phone a record with a
phone. Nothing is placed where it would make no difference.

Every person has up to five places in which their data stands (``SLOTS``): the product's user, a first and a second
Salesforce record, a first and a second HubSpot contact. What each place says of email, phone and first name is decided
here, in the ``state_*`` matrices (people x slots); the systems only write it down.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.company.columns import (
    DIGITS,
    Bools,
    Frame,
    Ints,
    Texts,
    chance,
    first_of_each,
    map_text,
    nothing,
    sample,
    where,
)
from sandbox.company.firms import addresses, pick_by
from sandbox.company.ids import user_ids
from sandbox.company.schema import NOISE
from sandbox.company.words import (
    COUNTRIES,
    COUNTRY_SHARES,
    DOMAIN_SLIPS,
    FIRST,
    FIRST_FOLDED,
    FIRST_NICK,
    FIRST_OF,
    HAS_NICK,
    JUNK_EMAILS,
    JUNK_PHONES,
    LAST,
    LAST_FOLDED,
    LAST_OF,
    PROVIDERS,
    TITLES,
    texts,
)

Grid = npt.NDArray[np.int64]

SLOTS: Final = ("user", "salesforce", "salesforce_again", "hubspot", "hubspot_again")
USER, SF, SF2, HS, HS2 = range(len(SLOTS))
CONTACT, LEAD, CONVERTED = 1, 2, 3  # what a Salesforce slot is; 0 is nothing
MISSING, MAIN, OTHER, JUNK = range(4)  # which email or phone a slot shows
FORMAL, NICKNAME, MISSPELT = range(3)  # which first name

SHARES: Final = {
    "has_typo_or_changed_email": 0.20,
    "has_second_contact": 0.15,
    "shares_phone": 0.08,
    "browses_anonymously_first": 0.30,
    "uses_nickname": 0.05,
    "shares_device": 0.03,
    "has_junk_identifier": 0.01,
}

# Who is known where: (share, product user, Salesforce, HubSpot). The first kind only ever browsed.
_KINDS: Final = (
    (0.09, False, False, False),
    (0.13, True, False, False),
    (0.20, True, False, True),
    (0.27, True, True, True),
    (0.08, True, True, False),
    (0.10, False, True, True),
    (0.07, False, True, False),
    (0.06, False, False, True),
)


def owed(name: str, before: int, flagged: int, count: int) -> int:
    """How many of ``count`` new people must carry a noise for the share of all to be met; even for shared things."""
    share = SHARES[name] * (before + count)
    due = 2 * round(share / 2) if name.startswith("shares_") else round(share)
    return max(0, min(due - flagged, count))


def make_people(
    rng: np.random.Generator,
    seed: int,
    first_number: int,
    count: int,
    firms: Frame,
    due: dict[str, int],
    used: pa.Array[pa.StringScalar],
) -> Frame:
    """A cohort of people with consecutive numbers; ``due`` says how many carry each noise.

    ``used`` holds the email keys (see ``email_key``) that are taken. The first two people are always a Salesforce
    contact known everywhere and a Salesforce lead, so that every cohort brings a row to every object.
    """
    kind = rng.choice(len(_KINDS), size=count, p=[row[0] for row in _KINDS])
    kind[:2] = (3, 6)[: min(count, 2)]
    known = np.array([row[1:] for row in _KINDS])[kind]
    people = Frame({"number": np.arange(first_number, first_number + count, dtype=np.int64)})
    people["slots"] = np.zeros((count, len(SLOTS)), dtype=bool)
    people["slots"][:, [USER, SF, HS]] = known
    people["sf_kind"] = np.where(
        known[:, 1], rng.choice([CONTACT, LEAD, CONVERTED], size=count, p=(0.6, 0.25, 0.15)), 0
    )
    people["sf_kind"][:2] = (CONTACT, LEAD)[: min(count, 2)]
    people["sf2_kind"] = np.zeros(count, dtype=np.int64)
    people["is_web"] = chance(rng, count, 0.95) | ~known[:, 0]
    for name in NOISE:
        people[name] = np.zeros(count, dtype=bool)

    _place(rng, people, firms)
    _groups(rng, people, due)
    _second_contacts(rng, people, due["has_second_contact"])
    _emails(rng, people, firms, used)
    _mistaken_emails(rng, people, due["has_typo_or_changed_email"])
    _phone_states(rng, people)
    _nicknames(rng, people, due["uses_nickname"])
    _junk(rng, people, due["has_junk_identifier"])
    _browsing(rng, people, due)
    people["title"] = TITLES[rng.integers(0, len(TITLES), count)]
    people["birthdate"] = rng.integers(-7_000, 13_000, count)
    people["user_id"] = user_ids(seed, people["number"])
    return people


def _place(rng: np.random.Generator, people: Frame, firms: Frame) -> None:
    """Firm, country and address. Whoever is in Salesforce nearly always has a firm."""
    count = len(people)
    slots = people["slots"]
    share = np.where(slots[:, SF], 0.94, np.where(slots[:, HS], 0.6, 0.4))
    employed = rng.random(count) < share
    # A few firms have many people: squared draws crowd towards the first.
    firm = np.floor(rng.random(count) ** 1.6 * len(firms)).astype(np.int64)
    people["firm"] = np.where(employed, firm, -1)
    own = rng.choice(len(COUNTRIES), size=count, p=COUNTRY_SHARES)
    people["country"] = np.where(employed, firms["country"][firm], own).astype(np.int64)
    people["street"], people["city"], people["postal"] = addresses(rng, people["country"])
    first, last = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for index in range(len(COUNTRIES)):
        mask = people["country"] == index
        for column, lists in ((first, FIRST_OF), (last, LAST_OF)):
            words = lists[index]
            # Zipf-like: the first names of a list are more common than the last.
            column[mask] = words[np.floor(rng.random(int(mask.sum())) ** 1.5 * len(words)).astype(np.int64)]
    people["first"], people["last"] = first, last


def _pairs(rng: np.random.Generator, people: Frame, candidates: Bools, size: int, count: int) -> Grid:
    """Groups of ``size`` people of one country, ``count`` people in all; rows are groups."""
    found = rng.permutation(np.flatnonzero(candidates))
    found = found[np.argsort(people["country"][found], kind="stable")]
    found = found[: len(found) // size * size].reshape(-1, size)
    country = people["country"][found]
    found = rng.permutation(found[(country == country[:, :1]).all(axis=1)])
    return found[: max(count, 0) // size]


def _groups(rng: np.random.Generator, people: Frame, due: dict[str, int]) -> None:
    """Households and offices that share a phone, and pairs who share a device."""
    count = len(people)
    people["phone_of"] = people["number"].copy()  # whose fixed line this person writes down
    people["office_phone"] = np.zeros(count, dtype=bool)
    people["device_of"] = np.full(count, -1, dtype=np.int64)
    in_crm = people["slots"][:, [SF, HS]].any(axis=1)
    wanted = due["shares_phone"]
    offices = wanted // 4 * 2
    fours = _pairs(rng, people, in_crm & (people["firm"] >= 0), 4, offices // 8 * 4)
    free = in_crm & ~np.isin(np.arange(count), fours)
    twos = _pairs(rng, people, free & (people["firm"] >= 0), 2, offices - fours.size)
    free &= ~np.isin(np.arange(count), twos)
    homes = _pairs(rng, people, free, 2, wanted - fours.size - twos.size)
    for offices_of in (fours, twos):
        people["firm"][offices_of] = people["firm"][offices_of[:, :1]]
        people["office_phone"][offices_of.ravel()] = True
        people["shares_phone"][offices_of.ravel()] = True
    if len(homes):
        one, other = homes[:, 0], homes[:, 1]
        for name in ("last", "street", "city", "postal"):
            people[name][other] = people[name][one]
        # Two people of one household and one name would be one person to anybody.
        same = people["first"][one] == people["first"][other]
        people["first"][other[same]] = _next_first(people, other[same])
        people["phone_of"][other] = people["number"][one]
        people["shares_phone"][homes.ravel()] = True
    online = people["slots"][:, USER] & people["is_web"]
    devices = _pairs(rng, people, online, 2, due["shares_device"])
    if len(devices):
        people["device_of"][devices[:, 1]] = people["number"][devices[:, 0]]
        people["shares_device"][devices.ravel()] = True


def _next_first(people: Frame, which: Ints) -> Ints:
    """The first name after each one's own in their country's list."""
    found = people["first"][which].copy()
    for index, words in enumerate(FIRST_OF):
        mask = people["country"][which] == index
        place = np.searchsorted(np.sort(words), found[mask], side="right") % len(words)
        found[mask] = np.sort(words)[place]
    return found


def _second_contacts(rng: np.random.Generator, people: Frame, due: int) -> None:
    slots = people["slots"]
    chosen = sample(rng, slots[:, SF] | slots[:, HS], due)
    people["has_second_contact"][chosen] = True
    in_salesforce = slots[chosen, SF] & (~slots[chosen, HS] | chance(rng, len(chosen), 0.65))
    again, hubspot = chosen[in_salesforce], chosen[~in_salesforce]
    slots[again, SF2] = True
    slots[hubspot, HS2] = True
    as_lead = (people["sf_kind"][again] == LEAD) | chance(rng, len(again), 0.35)
    people["sf2_kind"][again] = np.where(as_lead, LEAD, CONTACT)


def email_key(local: Texts, domain: Texts) -> Texts:
    """What makes two addresses one mailbox at some provider: dots before the at sign do not count."""
    plain = pc.replace_substring(pa.array(local, type=pa.string()), ".", "")
    keys: Texts = plain.to_numpy(zero_copy_only=False) + "@" + domain
    return keys


def _emails(rng: np.random.Generator, people: Frame, firms: Frame, used: pa.Array[pa.StringScalar]) -> None:
    """Each person's address and the one they had before (or have since); no mailbox belongs to two people."""
    count = len(people)
    first, last = FIRST_FOLDED[people["first"]], LAST_FOLDED[people["last"]]
    initial = map_text(first, lambda word: word[:1])
    local = np.full(count, None, dtype=object)
    pattern = rng.choice(6, size=count, p=(0.34, 0.2, 0.14, 0.1, 0.16, 0.06))
    year = DIGITS[2][rng.integers(60, 100, count) % 100]
    ways = (
        first + "." + last,
        first + last,
        initial + last,
        first + "_" + last,
        first + "." + last + year,
        last + "." + first,
    )
    for index, way in enumerate(ways):
        local[pattern == index] = way[pattern == index]
    firm = people["firm"]
    has_firm = firm >= 0
    at_work = has_firm & chance(rng, count, 0.55)
    work = np.full(count, None, dtype=object)
    work[has_firm] = firms["domain"][firm[has_firm]]
    private = pick_by(people["country"], PROVIDERS, rng)
    domain = where(at_work, work, private)
    for index, way in enumerate((first + "." + last, initial + last, first)):
        mask = at_work & (np.where(has_firm, firms["pattern"][firm], 0) == index)
        local[mask] = way[mask]
    plain = first + "." + last
    numbered = plain + padded(people["number"])
    email_local = _distinct(local, numbered, domain, used)
    # The other address: a private one for who writes from work, and the other way round, or another provider.
    elsewhere = pick_by(people["country"], PROVIDERS, rng)
    other_domain = where(has_firm & ~at_work & chance(rng, count, 0.6), work, elsewhere)
    taken = pa.concat_arrays([used, pa.array(email_key(email_local, domain), type=pa.string())])
    people["email"] = email_local + "@" + domain
    changed_local = _distinct(plain, numbered + "x", other_domain, taken)
    people["email_changed"] = changed_local + "@" + other_domain
    people["email_slip"] = _slips(rng, email_local, domain, taken)
    people["email_key"] = email_key(email_local, domain)
    people["email_changed_key"] = email_key(changed_local, other_domain)


def padded(number: Ints) -> Texts:
    """A number of four digits or more, so that it cannot be mistaken for a year of birth."""
    long = number >= 10_000
    found = DIGITS[4][np.where(long, 0, number)]
    found[long] = number[long].astype("U").astype(object)
    return found


def _taken(keys: Texts, used: pa.Array[pa.StringScalar]) -> Bools:
    return np.asarray(pc.is_in(pa.array(keys, type=pa.string()), value_set=used))


def _distinct(local: Texts, numbered: Texts, domain: Texts, used: pa.Array[pa.StringScalar]) -> Texts:
    """``local`` where that mailbox is free, ``numbered`` elsewhere."""
    keys = email_key(local, domain)
    return where(first_of_each(keys) & ~_taken(keys, used), local, numbered)


def _slips(rng: np.random.Generator, local: Texts, domain: Texts, taken: pa.Array[pa.StringScalar]) -> Texts:
    """Each address with one slip of the finger: letters swapped, dropped or doubled, or the provider misspelt."""
    count = len(local)
    if not count:
        return nothing(0)
    way = rng.integers(0, 4, count)
    words = local.astype("U")
    width = words.dtype.itemsize // 4
    length = np.strings.str_len(words).astype(np.int64)
    letters = np.zeros((count, width + 1), dtype=np.uint32)
    letters[:, :width] = words.view(np.uint32).reshape(count, width)
    row, spot = np.arange(count), 1 + np.floor(rng.random(count) * np.maximum(length - 2, 1)).astype(np.int64)
    here, before = letters[row, spot], letters[row, spot - 1]
    dot = ord(".")
    swap = (way == 0) & (here != before) & (here != dot) & (before != dot) & (here != 0)
    drop = (way == 1) & (length > 3) & (here != dot) & (here != 0)
    slip = texts(map(DOMAIN_SLIPS.get, domain))
    misspelt = (way == 3) & np.asarray(pa.array(slip, type=pa.string()).is_valid())
    double = ~(swap | drop | misspelt)
    letters[swap, spot[swap]], letters[swap, spot[swap] - 1] = before[swap], here[swap]
    places = np.arange(width + 1)
    shifted = np.concatenate([letters[:, 1:], np.zeros((count, 1), dtype=np.uint32)], axis=1)
    letters = np.where(drop[:, None] & (places >= spot[:, None]), shifted, letters)
    letters[double, length[double]] = letters[double, length[double] - 1]
    typed = np.ascontiguousarray(letters).view(f"U{width + 1}").ravel().astype(object)
    at = where(misspelt, slip, domain)
    # A slip that lands in somebody's mailbox happens, but then it is not noise of the kind that is counted here.
    hits = _taken(email_key(typed, at), taken)
    found: Texts = where(hits, local + "zz", typed) + "@" + at
    return found


def _mistaken_emails(rng: np.random.Generator, people: Frame, due: int) -> None:
    """Which address each slot shows, and who shows a wrong or an old one in one of several."""
    count = len(people)
    slots = people["slots"]
    missing = np.array([0.02, 0.07, 0.15, 0.03, 1.0])  # HubSpot admits an address once: a second contact has none
    state = np.where(slots & (rng.random(slots.shape) >= missing), MAIN, MISSING)
    chosen = sample(rng, slots.sum(axis=1) >= 2, due)
    people["has_typo_or_changed_email"][chosen] = True
    people["changed_email"] = chance(rng, count, 0.5)
    # A second HubSpot contact with an address has another one; else the slot is drawn.
    draw = np.where(slots[chosen], rng.random((len(chosen), len(SLOTS))), -1.0)
    draw[slots[chosen, HS2], HS2] = 2.0
    order = np.argsort(-draw, axis=1)
    state[chosen, order[:, 0]] = OTHER
    state[chosen, order[:, 1]] = np.where(order[:, 1] == HS2, MISSING, MAIN)
    # A lone second HubSpot contact cannot hold the right address, so the right one stands in the first.
    lone = order[:, 1] == HS2
    state[chosen[lone], order[lone, 0]] = MAIN
    state[chosen[lone], HS2] = OTHER
    people["state_email"] = state
    # Half of those who mistype an address mistype their name in the same breath.
    people["misspells"] = people["has_typo_or_changed_email"] & ~people["changed_email"] & chance(rng, count, 0.5)


def _phone_states(rng: np.random.Generator, people: Frame) -> None:
    slots = people["slots"]
    missing = np.array([0.35, 0.18, 0.15, 0.25, 0.0])  # a second contact without address or phone would be nobody
    state = np.where(slots & (rng.random(slots.shape) >= missing), MAIN, MISSING)
    crm = slots & np.array([False, True, True, True, True])
    people["state_phone"] = np.where(crm & people["shares_phone"][:, None], MAIN, state)
    # Most own records carry the mobile; who shares a line gives that one to whoever asks for a number.
    people["fixed"] = slots & (chance(rng, len(people), 0.25) | people["shares_phone"])[:, None]
    people["fixed"][:, USER] = False


def _nicknames(rng: np.random.Generator, people: Frame, due: int) -> None:
    count = len(people)
    slots = people["slots"]
    people["state_name"] = np.full(slots.shape, FORMAL)
    chosen = sample(rng, HAS_NICK[people["first"]] & (slots.sum(axis=1) >= 2), due)
    people["uses_nickname"][chosen] = True
    draw = np.where(slots[chosen], rng.random((len(chosen), len(SLOTS))), -1.0)
    draw[slots[chosen, USER], USER] += 0.5  # a nickname is most often what one signs up with
    people["state_name"][chosen, np.argmax(draw, axis=1)] = NICKNAME
    wrong = np.flatnonzero(people["misspells"] & ~people["uses_nickname"])
    spot = np.argmax(people["state_email"][wrong] == OTHER, axis=1)
    people["state_name"][wrong, spot] = MISSPELT
    people["nick"] = where(people["uses_nickname"], FIRST_NICK[people["first"]], None)
    people["junk_draw"] = rng.integers(0, 1_000, count)


def _junk(rng: np.random.Generator, people: Frame, due: int) -> None:
    """A made-up address or phone in one record, in place of what stood there."""
    slots, emails = people["slots"], people["state_email"]
    # HubSpot refuses an address it already has, so made-up addresses stand elsewhere.
    by_email = slots & (emails == MAIN) & ~people["has_typo_or_changed_email"][:, None]
    by_email[:, [HS, HS2]] = False
    by_phone = slots & ~people["shares_phone"][:, None]
    by_phone[:, HS2] = False  # its phone may be all a second contact has
    chosen = sample(rng, by_email.any(axis=1) | by_phone.any(axis=1), due)
    people["has_junk_identifier"][chosen] = True
    email = by_email[chosen].any(axis=1) & (chance(rng, len(chosen), 0.6) | ~by_phone[chosen].any(axis=1))
    for which, allowed, state in ((chosen[email], by_email, emails), (chosen[~email], by_phone, people["state_phone"])):
        draw = np.where(allowed[which], rng.random((len(which), len(SLOTS))), -1.0)
        state[which, np.argmax(draw, axis=1)] = JUNK


def _browsing(rng: np.random.Generator, people: Frame, due: dict[str, int]) -> None:
    online = people["slots"][:, USER] & people["is_web"]
    people["browses_anonymously_first"][sample(rng, online, due["browses_anonymously_first"])] = True
    early = people["browses_anonymously_first"]
    people["second_device"] = (
        (people["slots"][:, USER] | ~people["slots"].any(axis=1))
        & chance(rng, len(people), 0.25)
        & (early | chance(rng, len(people), 0.3))
    )
    people["second_device"] &= people["is_web"]


def first_names(people: Frame, which: Ints, slot: int) -> Texts:
    """The first name a slot shows: the formal one, the short one, or the formal one misspelt."""
    formal = FIRST[people["first"][which]]
    state = people["state_name"][which, slot]
    misspelt = map_text(formal, lambda name: name[:-2] + name[-1] + name[-2] if len(name) > 3 else name + name[-1])
    return where(state == MISSPELT, misspelt, where(state == NICKNAME, people["nick"][which], formal))


def last_names(people: Frame, which: Ints) -> Texts:
    """Last names as they are."""
    found: Texts = LAST[people["last"][which]]
    return found


def emails(people: Frame, which: Ints, slot: int) -> Texts:
    """The address a slot shows, null where it has none."""
    state = people["state_email"][which, slot]
    other = where(people["changed_email"][which], people["email_changed"][which], people["email_slip"][which])
    found = where(state == MAIN, people["email"][which], None)
    found = where(state == OTHER, other, found)
    return where(state == JUNK, JUNK_EMAILS[people["junk_draw"][which] % len(JUNK_EMAILS)], found)


def junk_phones(people: Frame, which: Ints) -> Texts:
    """What these people type when a form insists on a phone."""
    found: Texts = JUNK_PHONES[people["junk_draw"][which] % len(JUNK_PHONES)]
    return found
