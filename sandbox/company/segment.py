"""The company's Segment: devices, sessions, and the calls they make.

A session belongs to one person on one device. On a device nobody has signed in on, calls are anonymous; signing in is
an identify call, and from there on calls carry the user id as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import compute

from sandbox.company import payloads as json
from sandbox.company.columns import DAY_SECONDS, NONE, Bools, Frame, Ints, Texts, chance, moments, nothing, where
from sandbox.company.ids import uuids
from sandbox.company.people import JUNK, USER, first_names, last_names
from sandbox.company.schema import schema_of
from sandbox.company.words import COUNTRIES, CURRENCIES, LOCALES, PRODUCTS, texts
from sandbox.company.world import EVENTS_SINCE, World
from sandbox.company.writing import TIDY, known, written_emails, written_phones

WEB_SOURCE: Final = "qTn4Wk1PzHrB"
SERVER_SOURCE: Final = "mX8vL2cYdJfQ"
SITE: Final = "https://www.tidewater-coffee.example"
# Sessions are made for this many people at a time, so that memory does not grow with the company.
BLOCK: Final = 10_000

IDENTIFY, PAGE, VIEWED, ADDED, SIGNED_UP, ORDER = range(6)
_EVENT_NAMES: Final = texts((None, None, "Product Viewed", "Product Added", "Signed Up", "Order Completed"))
_TYPES: Final = texts(("identify", "page", "track", "track", "track", "track"))
_PAGES: Final = (
    ("/", "Home"),
    ("/beans", "Beans"),
    ("/equipment", "Equipment"),
    ("/office", "For offices"),
    ("/journal", "Journal"),
    ("/about", "About us"),
    ("/pricing", "Pricing"),
)
_PAGE_PATHS: Final = texts(row[0] for row in _PAGES)
_PAGE_TITLES: Final = texts(row[1] for row in _PAGES)
_CAMPAIGNS: Final = texts(
    f'"campaign":{{"source":"{source}","medium":"{medium}","name":"{name}"}}'
    for source, medium, name in (
        ("google", "cpc", "brand"),
        ("google", "cpc", "office-machines"),
        ("newsletter", "email", "autumn-roast"),
        ("facebook", "paid-social", "sampler"),
        ("linkedin", "paid-social", "office-subscription"),
    )
)
_UTM: Final = texts(
    f"?utm_source={source}&utm_medium={medium}&utm_campaign={name}"
    for source, medium, name in (
        ("google", "cpc", "brand"),
        ("google", "cpc", "office-machines"),
        ("newsletter", "email", "autumn-roast"),
        ("facebook", "paid-social", "sampler"),
        ("linkedin", "paid-social", "office-subscription"),
    )
)
_REFERRERS: Final = texts(("", "", "https://www.google.com/", "https://duckduckgo.com/", "https://www.linkedin.com/"))
_AGENTS: Final = texts(
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    )
)
_CONSENTS: Final = texts(
    f'"consent":{{"categoryPreferences":{{"analytics":{analytics},"marketing":{marketing}}}}}'
    for analytics, marketing in (("true", "true"), ("true", "false"), ("true", "true"), ("false", "false"))
)
_QUANTITIES: Final = 4
_LINES: Final = texts(
    f'{{"product_id":"{product}","sku":"{sku}","name":"{name}","price":{cents // 100}.{cents % 100:02d},'
    f'"quantity":{quantity},"category":"{category}"}}'
    for product, sku, name, category, cents in PRODUCTS
    for quantity in range(1, _QUANTITIES + 1)
)
_PRODUCT_MEMBERS: Final = texts(
    f'"product_id":"{product}","sku":"{sku}","name":"{name}","price":{cents // 100}.{cents % 100:02d},'
    f'"category":"{category}"'
    for product, sku, name, category, cents in PRODUCTS
)
_PRICES: Final = np.array([row[4] for row in PRODUCTS])


def add_devices(world: World, cohort: Ints) -> None:
    """Anonymous ids of a cohort (indices into people): a first device for whoever browses, a second for some.

    A person whose ``device_of`` names somebody else signs in on that person's first device, and has one of their own
    only if they browsed on it before they signed up.
    """
    rng, people = world.stream("segment.devices"), world.people
    count = len(cohort)
    browses = (people["slots"][cohort, USER] & people["is_web"][cohort]) | ~people["slots"][cohort].any(axis=1)
    guest = people["device_of"][cohort] >= 0
    first, second = uuids(rng, count), uuids(rng, count)
    own = browses & (~guest | people["browses_anonymously_first"][cohort])
    rows = Frame(
        {
            "_device": where(own, first, None),
            "_device_2": where(browses & people["second_device"][cohort], second, None),
            # Of second devices some are never signed in on: nothing can tell whose they are.
            "_signs_in_2": chance(rng, count, 0.8),
            "_agent": rng.integers(0, len(_AGENTS), count),
            "_consent": np.where(
                chance(rng, count, 0.15) | ((people["country"][cohort] == 0) & chance(rng, count, 0.7)),
                -1,
                rng.integers(0, len(_CONSENTS), count),
            ),
            "_located": chance(rng, count, 0.8),
            "_signed_up": np.full(count, NONE, dtype=np.int64),
            "_plan": texts(("free", "home", "office"))[rng.integers(0, 3, count)],
        }
    )
    world.add("_segment.people", rows)


def sign_up(world: World, which: Ints, since: Ints) -> None:
    """When each of these people signed up; who browsed first did so after events began."""
    rng = world.stream("segment.sign_up")
    web, people = world.frames["_segment.people"], world.people
    early = people["browses_anonymously_first"][which]
    # They need a while of browsing before it.
    first = EVENTS_SINCE + 14 * DAY_SECONDS if world.day == 1 else world.opens + 7200
    start = np.where(early, np.maximum(since, first), since)
    web["_signed_up"][which] = world.in_span(rng, start, len(which))


def sessions_of(world: World, which: Ints) -> Frame:
    """First sessions of people (indices) who are new in Segment: before signing up, signing up, and after."""
    rng = world.stream("segment.sessions")
    people, web = world.people, world.frames["_segment.people"]
    opens = max(world.opens, EVENTS_SINCE)
    signed = web["_signed_up"][which]
    is_user = signed != NONE
    parts = []

    def add(mask: Bools, device: Texts, start: Ints, *, as_user: bool, signs_in: bool, signs_up: bool = False) -> None:
        rows = np.flatnonzero(mask)
        parts.append(
            Frame(
                {
                    "person": which[rows],
                    "device": device[rows],
                    "start": start[rows],
                    "known": np.full(len(rows), as_user),
                    "signs_in": np.full(len(rows), signs_in),
                    "signs_up": np.full(len(rows), signs_up),
                }
            )
        )

    def between(low: Ints | int, high: Ints | int) -> Ints:
        return moments(rng, low, high, len(which))

    one, two = web["_device"][which], web["_device_2"][which]
    has_one, has_two = known(one), known(two)
    early = people["browses_anonymously_first"][which]
    # The last second before signing up is the latest for an anonymous page.
    latest = np.where(is_user, np.maximum(signed - 3600, opens), world.closes - 3600)
    for share in (1.0, 0.6, 0.3):
        some = chance(rng, len(which), share)
        add((early | ~is_user) & has_one & some, one, between(opens, latest), as_user=False, signs_in=False)
    add((early | ~is_user) & has_two, two, between(opens, latest), as_user=False, signs_in=False)

    # Whoever signed up before there were events appears at the next login.
    start = np.where(signed < opens, between(opens, (opens + 3 * world.closes) // 4), signed)
    in_web = people["is_web"][which]
    device = where(has_one, one, None)
    add(is_user & in_web & has_one, device, start, as_user=True, signs_in=True, signs_up=True)
    after = between(start, world.closes)
    add(is_user & has_two & web["_signs_in_2"][which], two, after, as_user=True, signs_in=True)
    add(is_user & has_two & ~web["_signs_in_2"][which] & ~early, two, after, as_user=False, signs_in=False)
    guest = people["device_of"][which]
    shared = where(guest >= 0, web["_device"][np.maximum(guest, 0)], None)
    # The owner signs in first: their own sign-up may be later than the guest's.
    owner_from = np.maximum(web["_signed_up"][np.maximum(guest, 0)], opens)
    add(
        is_user & (guest >= 0),
        shared,
        between(np.maximum(owner_from, start), world.closes),
        as_user=True,
        signs_in=True,
    )
    for share in (0.6, 0.4, 0.25):
        some = chance(rng, len(which), share)
        add(is_user & in_web & has_one & some, device, between(start, world.closes), as_user=True, signs_in=False)
    server = is_user & ~in_web
    nowhere = nothing(len(which))
    add(server, nowhere, start, as_user=True, signs_in=True, signs_up=True)
    add(server & chance(rng, len(which), 0.6), nowhere, between(start, world.closes), as_user=True, signs_in=False)
    return joined(parts)


def joined(parts: list[Frame]) -> Frame:
    """Frames of the same columns, one below the other."""
    return Frame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def later_sessions(world: World, which: Ints) -> Frame:
    """One more session today for each of these signed-up people (indices), on a device they have signed in on."""
    rng = world.stream("segment.later")
    web = world.frames["_segment.people"]
    count = len(which)
    return Frame(
        {
            "person": which,
            "device": web["_device"][which],
            "start": world.in_span(rng, web["_signed_up"][which], count),
            "known": np.ones(count, dtype=bool),
            "signs_in": np.zeros(count, dtype=bool),
            "signs_up": np.zeros(count, dtype=bool),
        }
    )


def calls_of(world: World, sessions: Frame, *, late: int = 0) -> Frame:
    """The calls of sessions, in order: what kind, who, where, when. ``late`` seconds pass until they are received."""
    rng = world.stream("segment.calls")
    count = len(sessions)
    server = ~known(sessions["device"])
    pages = np.where(server, 0, rng.integers(1, 5, count))
    views = np.where((pages > 1) & chance(rng, count, 0.5), 1, 0)
    orders = np.where(sessions["known"] & chance(rng, count, 0.25), 1, 0) | (server & ~sessions["signs_in"])
    adds = np.where(orders & ~server, 1, 0)
    # identify, sign-up, pages, product seen, product added, order: the order in which they happen.
    many = np.stack(
        [sessions["signs_in"].astype(np.int64), sessions["signs_up"] & ~server, pages, views, adds, orders], axis=1
    ).astype(np.int64)
    kinds = np.array([IDENTIFY, SIGNED_UP, PAGE, VIEWED, ADDED, ORDER])
    session = np.repeat(np.arange(count), many.sum(axis=1))
    kind = np.repeat(np.tile(kinds, count), many.ravel())
    first = np.cumsum(many.sum(axis=1)) - many.sum(axis=1)
    turn = np.arange(len(session)) - first[session]
    gaps = np.where(turn == 0, 0, rng.integers(4, 150, len(session)))
    passed = np.cumsum(gaps)
    elapsed = passed - passed[first[session]] if len(session) else passed
    when = sessions["start"][session] + elapsed
    # Nothing happens after the clock: the calls of a session under way crowd before it.
    when = np.minimum(when, world.closes - 8 - late)
    lag = rng.integers(0, 3, len(session))
    return Frame(
        {
            "kind": kind,
            "person": sessions["person"][session],
            "device": sessions["device"][session],
            "known": sessions["known"][session],
            "session": session,
            "turn": turn,
            "when": when,
            "sent": when + lag + late,
            "received": when + lag + late + rng.integers(0, 4, len(session)),
        }
    )


def add_events(world: World, sessions: Frame, *, late: int = 0) -> None:
    """Append the calls of sessions to the archive, in the order of receipt."""
    calls = calls_of(world, sessions, late=late)
    order = np.lexsort((calls["turn"], calls["session"], calls["received"]))
    world.events.append(written(world, calls.rows(order)))


def traits_of(world: World, which: Ints) -> Texts:
    """The traits of users (indices) as JSON text, as they gave them when they signed up."""
    rng, people = world.stream("segment.traits"), world.people
    first, last = first_names(people, which, USER), last_names(people, which)
    address = written_emails(rng, people, which, USER, 0.06)
    phone = written_phones(rng, people, world.firms, which, USER, TIDY)
    firm = people["firm"][which]
    company = where((firm >= 0) & chance(rng, len(which), 0.4), world.firms["name"][np.maximum(firm, 0)], None)
    web = world.frames["_segment.people"]
    body = json.glued(
        '{"created_at":"',
        json.iso(web["_signed_up"][which]),
        '"',
        json.string_member("email", json.text_of(address)),
        json.string_member("first_name", json.text_of(first)),
        json.string_member("last_name", json.text_of(last)),
        json.string_member("phone", json.text_of(phone)),
        json.string_member("company", json.text_of(company)),
        ',"country":"',
        json.of(texts(COUNTRIES)[people["country"][which]]),
        '","plan":"',
        json.of(web["_plan"][which]),
        '"}',
    )
    found: Texts = body.to_numpy(zero_copy_only=False)
    return found


def add_profiles(world: World, which: Ints) -> None:
    """Profiles of people (indices) who signed up, with the identifiers Segment ties to each."""
    people, web = world.people, world.frames["_segment.people"]
    traits, users = traits_of(world, which), people["user_id"][which]
    world.add("segment.profiles", Frame({"user_id": users, "traits": traits, "_person": which}))
    guest = people["device_of"][which] >= 0
    second = where(web["_signs_in_2"][which], web["_device_2"][which], None)
    address = _emails_in(traits)
    source = where(people["is_web"][which], WEB_SOURCE, SERVER_SOURCE)
    # Segment keeps a shared device with the profile that had it first, and a made-up address with nobody.
    address = where(people["state_email"][which, USER] == JUNK, None, address)
    device = where(guest & ~people["browses_anonymously_first"][which], None, web["_device"][which])
    for kind, values in (("user_id", users), ("email", address), ("anonymous_id", device), ("anonymous_id", second)):
        has = known(values)
        count = int(has.sum())
        world.add(
            "segment.profile_external_ids",
            Frame(
                {
                    "user_id": users[has],
                    "type": np.full(count, kind, dtype=object),
                    "id": values[has],
                    "collection": np.full(count, "users", dtype=object),
                    "source_id": source[has],
                    "created_at": np.maximum(web["_signed_up"][which][has], EVENTS_SINCE),
                    "encoding": np.full(count, "none", dtype=object),
                }
            ),
        )


def _emails_in(traits: Texts) -> Texts:
    found = compute.extract_regex(pa.array(traits, type=pa.string()), r'"email":"(?P<email>[^"]*)"')
    address: Texts = found.field("email").to_numpy(zero_copy_only=False)
    return where(np.asarray(found.is_valid()), address, None)


def written(world: World, calls: Frame) -> pa.Table:
    """Calls as Segment archives them: received_at, payload, source_id."""
    rng = world.stream("segment.written")
    people, web = world.people, world.frames["_segment.people"]
    count, person, kind = len(calls), calls["person"], calls["kind"]
    server = ~known(calls["device"])
    profiles = world.frames["segment.profiles"]
    place = np.full(len(people), 0)
    place[profiles["_person"]] = np.arange(len(profiles))
    traits = where(kind == IDENTIFY, profiles["traits"][place[person]], None) if len(profiles) else nothing(count)

    path_index = rng.integers(0, len(_PAGES), count)
    path = _PAGE_PATHS[path_index]
    url: Texts = SITE + path
    landing = (calls["turn"] == 0) & chance(rng, count, 0.35)
    campaign = rng.integers(0, len(_CAMPAIGNS), count)
    search = where(landing, _UTM[campaign], "")
    referrer = where(calls["turn"] == 0, _REFERRERS[rng.integers(0, len(_REFERRERS), count)], SITE + "/")
    # 192.0.2.0/24 and its two sisters are for documentation.
    net = texts(("192.0.2.", "198.51.100.", "203.0.113."))[person % 3]
    address: Texts = net + (1 + person * 7 % 250).astype("U").astype(object)
    consent = where(web["_consent"][person] >= 0, _CONSENTS[np.maximum(web["_consent"][person], 0)], None)
    country = people["country"][person]
    located = where(web["_located"][person], texts(COUNTRIES)[country], None)
    page = json.glued(
        '"path":"', json.of(path), '","referrer":"', json.of(referrer), '","search":"', json.of(search),
        '","title":"', json.of(_PAGE_TITLES[path_index]), '","url":"', json.of(url), json.of(search), '"',
    )  # fmt: skip
    locale = json.of(texts(LOCALES)[country])
    web_context = json.glued(
        '{"ip":"', json.of(address), '","locale":"', locale,
        '","library":{"name":"analytics.js","version":"next-1.84.3"},"page":{', page, '},"userAgent":"',
        json.of(_AGENTS[web["_agent"][person]]), '"',
        json.filled(json.glued(",", json.only(landing, json.of(_CAMPAIGNS[campaign])))),
        json.filled(json.glued(",", json.of(consent))),
        json.filled(json.glued(',"location":{"country":"', json.of(located), '"}')),
        "}",
    )  # fmt: skip
    context = json.chosen(server, '{"library":{"name":"analytics-node","version":"3.1.0"}}', web_context)
    body = json.first_of(
        json.glued('"traits":', json.of(traits)),
        json.glued('"properties":{', json.first_of(_properties(rng, world, calls), page), "}"),
    )
    sdk = json.chosen(server, "node-next-", "ajs-next-")
    user = where(calls["known"], people["user_id"][person], None)
    payload = json.glued(
        '{"messageId":"', sdk, json.of(uuids(rng, count)), '","type":"', json.of(_TYPES[kind]), '"',
        json.string_member("event", json.of(_EVENT_NAMES[kind])),
        json.string_member("name", json.of(where(kind == PAGE, _PAGE_TITLES[path_index], None))),
        ',"userId":', json.quoted(json.of(user)), ',"anonymousId":', json.quoted(json.of(calls["device"])),
        ',"timestamp":"', json.iso(calls["when"]), '","originalTimestamp":"', json.iso(calls["when"]),
        '","sentAt":"', json.iso(calls["sent"]), '","receivedAt":"', json.iso(calls["received"]),
        '","context":', context, ",", body, ',"integrations":{},"version":2}',
    )  # fmt: skip
    source = where(server, SERVER_SOURCE, WEB_SOURCE)
    received = Frame({"received_at": calls["received"], "source_id": source})
    schema = schema_of("segment.events")
    stamps = received.table(pa.schema([schema.field("received_at")])).column(0)
    return pa.table([stamps, payload, json.of(source)], schema=schema)


def _properties(rng: np.random.Generator, world: World, calls: Frame) -> json.Strings:
    """Members of ``properties`` of product and order events, null for the others (pages repeat their context)."""
    kind, count = calls["kind"], len(calls)
    found = nothing(count)
    product = rng.integers(0, len(PRODUCTS), count)
    single = (kind == VIEWED) | (kind == ADDED)
    found[single] = _PRODUCT_MEMBERS[product[single]]
    found[kind == ADDED] = found[kind == ADDED] + ',"quantity":1'
    found[kind == SIGNED_UP] = '"method":"email"'

    ordered = np.flatnonzero(kind == ORDER)
    many = len(ordered)
    number = world.count("order", many).astype("U").astype(object)
    lines = rng.integers(1, 4, many)
    goods = np.zeros(many, dtype=np.int64)
    products = nothing(many)
    products[:] = ""
    # The dearest machines are bought one at a time and by few: squared draws keep to the cheap end of the list.
    for line in range(3):
        has = lines > line
        which = np.floor(rng.random(many) ** 1.5 * len(PRODUCTS)).astype(np.int64)
        quantity = rng.integers(1, _QUANTITIES + 1, many)
        text = _LINES[which * _QUANTITIES + quantity - 1]
        products[has] = products[has] + ("," if line else "") + text[has]
        goods += np.where(has, _PRICES[which] * quantity, 0)
    coupon = chance(rng, many, 0.15)
    discount = np.where(coupon, goods // 10, 0)
    shipping = np.where(goods < 40_00, 4_90, 0)
    revenue = goods - discount
    currency = texts(CURRENCIES)[world.people["country"][calls["person"][ordered]]]
    body = json.glued(
        '"order_id":"ORD-', json.of(number), '","total":', json.money(revenue + shipping),
        ',"revenue":', json.money(revenue), ',"shipping":', json.money(shipping), ',"discount":', json.money(discount),
        ',"currency":"', json.of(currency), '","coupon":', json.quoted(json.of(where(coupon, "WELCOME10", None))),
        ',"products":[', json.of(products), "]",
    )  # fmt: skip
    found[ordered] = body.to_numpy(zero_copy_only=False)
    return json.of(found)
