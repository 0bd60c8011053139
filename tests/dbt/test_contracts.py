"""The contracts: what they refuse, in which words, and that the seeds say the same."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import phonenumbers
import pytest

from contracts import (
    ContractError,
    attribution,
    build,
    channels,
    emails,
    engagement,
    funnels,
    identifiers,
    owners,
    regions,
    survivorship,
)
from contracts.reading import HERE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in HERE.glob("*.yml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def replaced(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_committed_seeds_are_current() -> None:
    assert build.check() == []


def test_building_is_deterministic_and_repairs_what_is_stale(folder: Path, tmp_path: Path) -> None:
    seeds, macros = tmp_path / "seeds", tmp_path / "macros"
    assert len(build.build(folder, seeds, macros)) == len(build.rendered()) + len(build.rendered_macros())
    first = {path.name: path.read_bytes() for path in seeds.glob("*.csv")}
    assert build.build(folder, seeds, macros) == []

    replaced(folder / "identifiers.yml", "limits: {records: 12, distinct: {user_id: 1}}", "limits: {records: 9}")
    (seeds / "email_domains.csv").unlink()
    (seeds / "gone.csv").write_text("left over from a contract that was removed")
    stale = build.check(folder, seeds, macros)
    assert [path.name for path in stale] == [
        "email_domains.csv", "gone.csv", "identifier_limits.csv", "identity_rules.csv",
    ]  # fmt: skip
    assert build.build(folder, seeds, macros) == stale
    assert build.check(folder, seeds, macros) == []
    assert {path.name for path in seeds.glob("*.csv")} == set(first)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("identifiers.yml", "normaliser: email", "normaliser: mail",
         "email: normaliser is 'mail'; it must be one of exact"),
        ("identifiers.yml", "    priority: 5\n", "", "email lacks priority"),
        ("identifiers.yml", "priority: 5", "priority: 6", "shares priority 6"),
        ("identifiers.yml", "records: 20, distinct: {given_name: 3", "records: 0, distinct: {given_name: 3",
         "records must be a whole number of at least 1"),
        ("identifiers.yml", "distinct: {given_name: 3", "distinct: {shoe_size: 3",
         "counts 'shoe_size', which is no type and no attribute"),
        ("identifiers.yml", '"segment:user", "salesforce:contact"', '"segment:people", "salesforce:contact"',
         "no record is called 'segment:people'"),
        ("identifiers.yml", "parts: [phone, given_name, family_name]", "parts: [phone]", "at least two parts"),
        ("identifiers.yml", "parts: [phone, given_name, family_name]", "parts: [phone, shoe_size]", "part 'shoe_size'"),
        ("identifiers.yml", "  - name: hubspot_id", "  - name: email", "holds 'email' twice"),
        ("identifiers.yml", "segment_types: [phone]", "segment_types: [email]", "belongs to two identifier types"),
        ("identifiers.yml", '"[+]1[0-9]{3}55501[0-9]{2}"', '"[+]1(?=5)"', "(?…) group"),
        ("identifiers.yml", '"[+]1[0-9]{3}55501[0-9]{2}"', '"[+]1(5"', "does not parse"),
        ("identifiers.yml", "limits: {records: 50}", "limit: {records: 50}", "unknown key 'limit'"),
        ("identifiers.yml", "{most: 100, days: 30}", "{most: 100}", "per_record needs both most and days"),
        ("identifiers.yml", "{most: 100, days: 30}", "{most: 100, days: 0}",
         "days must be a whole number of at least 1"),
        ("identifiers.yml", "{most: 100, days: 30}", "{most: 100, weeks: 4}", "unknown key 'weeks'"),
        ("identifiers.yml", "distinct: {given_name: 3", "distinct: {given_name: {most: 3, days: 9}",
         "two people who used one value years apart are still two"),
        ("identifiers.yml", "blocked_everywhere:\n  [\"\",", "blocked_everywhere:\n  [null,",
         "put quotes around digits and null"),
        ("identifiers.yml", "compound_types:\n", "compound_types: {\n", "is not valid YAML near line"),
        ("phone_regions.yml", 'calling_code: "49"', "calling_code: 49", "must be a text, not 49; put quotes around it"),
        ("phone_regions.yml", "region: DE, name: Germany", "region: DE, name: France", "'France' names both DE and FR"),
        ("phone_regions.yml", "region: DE", "region: FR", "holds 'FR' twice"),
        ("phone_regions.yml", "lengths: [4, 15]", "lengths: [15, 4]", "fewest and the most"),
        ("source_regions.yml", '"hubspot:contact": US', '"hubspot:contact": XX', "at home in 'XX', which is no region"),
        ("source_regions.yml", '  "hubspot:contact": US\n', "", "lacks hubspot:contact"),
        ("email_providers.yml", "hotmail.com", "gmail.com", "'gmail.com' stands at two providers"),
        ("email_providers.yml", 'tag_separator: "-"', 'tag_separator: "_"', "must be +, - or empty"),
        ("identity_gate.yml", "    most: 6\n", "", "customers_in_one lacks most"),
        ("identity_gate.yml", "name: split_customers", "name: torn_customers", "name is 'torn_customers'"),
        ("identity_gate.yml", "percent: 5\n", "percent: 0.05\n", "percent must be a whole number"),
        ("households.yml", "[address, phone]", "[address]", "needs at least two parts"),
        ("households.yml", "[address, phone]", "[address, pet]", "'pet' is no part of a household"),
        ("households.yml", "most_customers: 6", "most_customers: 1", "must be a whole number of at least 2"),
        ("survivorship.yml", "{name: email, rule: most_recent}", "{name: email, rule: best}", "rule is 'best'"),
        ("survivorship.yml", "  - {name: email, rule: most_recent}\n", "", "email has no rule"),
        ("survivorship.yml", '"hubspot:contact", "salesforce:lead", "segment:user"',
         '"segment:user", "salesforce:lead", "segment:user"', "lists 'segment:user' twice"),
    ],
    ids=lambda value: value if " " not in str(value) else "",
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_sentence(folder: Path, file: str, old: str, new: str, said: str) -> None:
    replaced(folder / file, old, new)
    with pytest.raises(ContractError) as caught:
        build.rendered(folder)
    message = str(caught.value)
    assert said in message
    assert message.startswith(file)
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("domains: [sales]", "domains: [sales, core]", "core has two owners, data and sales_operations"),
        ("data@example.com", "nobody", "'nobody' is no email address"),
    ],
)
def test_owners_are_one_a_domain_and_can_be_reached(folder: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        owners.read(replaced(folder / "owners.yml", old, new))


@pytest.mark.parametrize("read", [identifiers.read, emails.read, owners.read, survivorship.read, regions.read_regions])
def test_a_missing_file_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(ContractError, match=r"^nothing\.yml cannot be read: No such file or directory\.$"):
        read(tmp_path / "nothing.yml")


def test_steps_of_funnels_are_rows_that_the_models_read(tmp_path: Path) -> None:
    file = tmp_path / "funnels.yml"
    file.write_text(
        "funnels: [{name: f, description: d, window_hours: 2, steps: ["
        "{name: saw, page: /50%_off/*!}, {name: Paid, event: Order Paid, property: plan, value: Pro}]}]"
    )
    assert list(funnels.rows(funnels.read(file))) == [
        ("f", 1, "saw", 2, 2, None, "/50!%!_off/%!!", None, None),
        ("f", 2, "Paid", 2, 2, "order paid", None, "plan", "Pro"),
    ]


def test_channels_are_rows_by_medium_and_by_site(tmp_path: Path) -> None:
    file = tmp_path / "channels.yml"
    # Channels are compared in lower case: with what was spent on them, and with one another.
    file.write_text("channels: [{name: CPC, media: [PPC]}, {name: social, media: [sm], hosts: [X]}]")
    found = channels.read(file)
    assert list(channels.media(found)) == [("ppc", "cpc"), ("sm", "social")]
    assert list(channels.hosts(found)) == [("x", "social")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[{name: a, hosts: [www.google.com]}]", "'www.google.com' is no name of a site; write google"),
        ("[{name: a, hosts: ['x|y']}]", "'x|y' is no name of a site"),
        ("[{name: a}]", "a needs media or hosts"),
        ("[{name: a, media: [x]}, {name: b, media: [X]}]", "'x' is listed twice among media"),
    ],
)
def test_channels_that_cannot_be_told_apart_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "channels.yml"
    file.write_text(f"channels: {text}")
    with pytest.raises(ContractError, match=re.escape(reason)):
        channels.read(file)


def test_engagement_is_rows_by_name_and_by_type(tmp_path: Path) -> None:
    file = tmp_path / "engagement.yml"
    file.write_text(
        "{half_life_days: 3, middle_points: 9, activities: [{name: buy, points: 5, most_a_day: 1, events: [' Paid ']},"
        " {name: look, points: 1, most_a_day: 2, types: [page, track]}]}"
    )
    found = engagement.read(file)
    assert (found.half_life_days, found.middle_points) == (3, 9)
    assert list(engagement.rows(found)) == [
        ("track", "paid", "buy", 5, 1),
        ("page", None, "look", 1, 2),
        ("track", None, "look", 1, 2),
    ]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("half_life_days: 14", "half_life_days: 0", "half_life_days must be a whole number of at least 1"),
        ("middle_points: 30", "", "lacks middle_points"),
        ("    points: 20\n", "", "purchase lacks points"),
        ("events: [Signed Up]", "events: [ORDER completed]", "'order completed' is listed twice among events"),
        ("types: [page, screen]", "types: [page, track]", "'track' is listed twice among types"),
        ("types: [page, screen]", "types: [click]", "'click' is no type of a call; it must be one of page, screen"),
        ("    types: [page, screen]\n", "", "visit needs events or types"),
    ],
)
def test_points_that_nobody_could_give_are_refused(folder: Path, before: str, after: str, reason: str) -> None:
    replaced(folder / "engagement.yml", before, after)
    with pytest.raises(ContractError, match=re.escape(reason)):
        engagement.read(folder / "engagement.yml")


def test_direct_channels_are_channels_in_whatever_case(folder: Path) -> None:
    replaced(folder / "attribution.yml", "[direct, unknown]", "[Direct, ' unknown']")
    assert attribution.read(folder / "attribution.yml").direct_channels == ("direct", "unknown")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("last_percent: 40", "last_percent: 60", "they must leave something of 100"),
        ("half_life_days: 7", "half_life_days: 0", "half_life_days must be a whole number of at least 1"),
        ("half_life_days: 7", "", "lacks half_life_days"),
        ("lookback_days: 30", "", "order lacks lookback_days"),
        ("name: order", "name: click", "name is 'click'; it must be one of order, opportunity"),
        ("path_begins: lookback", "path_begins: ever", "path_begins is 'ever'"),
    ],
)
def test_rules_of_credit_that_cannot_be_followed_are_refused(
    folder: Path, before: str, after: str, reason: str
) -> None:
    replaced(folder / "attribution.yml", before, after)
    with pytest.raises(ContractError, match=re.escape(reason)):
        attribution.read(folder / "attribution.yml")


def test_limits_of_the_gate_are_no_rule_of_who_is_whom(folder: Path) -> None:
    before = build.rendered(folder)
    replaced(folder / "identity_gate.yml", "most: 6\n", "most: 7\n")
    after = build.rendered(folder)
    assert [name for name in before if before[name] != after[name]] == ["identity_gate_limits.csv"]


def test_types_come_in_order_of_priority() -> None:
    types = identifiers.read().types
    assert [kind.priority for kind in types] == sorted({kind.priority for kind in types})
    assert next(kind for kind in types if kind.name == "phone").limits.distinct == {
        "given_name": 1, "family_name": 1, "user_id": 1
    }  # fmt: skip


def test_a_seed_holds_no_cell_that_its_readers_take_for_nothing() -> None:
    # dbt reads "null" as a null; a blocked value that vanished would let its carriers through.
    text = build.rendered()["identifier_blocked_values.csv"]
    values = [row["blocked_value"] for row in csv.DictReader(io.StringIO(text))]
    assert "n/a" in values
    assert not {"", "null"} & set(values)


def test_a_value_has_the_first_pattern_it_matches_as_a_whole() -> None:
    macro = build.rendered_macros()["blocked_pattern.sql"]
    patterns = next(kind for kind in identifiers.read().types if kind.name == "email").blocked_patterns
    places = [macro.index(f"'{pattern}'") for pattern in sorted(patterns)]
    assert places == sorted(places)
    assert "'(null)'" in macro


def test_numbering_agrees_with_the_reference_library() -> None:
    found = {region.code: region for region in regions.read_regions()}
    assert set(found) == phonenumbers.SUPPORTED_REGIONS
    for code, region in found.items():
        meta = phonenumbers.PhoneMetadata.metadata_for_region(code)
        assert meta is not None
        assert region.calling_code == str(meta.country_code), code
        assert region.trunk_prefix == (meta.national_prefix or ""), code
        lengths = [length for length in meta.general_desc.possible_length if length > 0]
        assert (region.shortest, region.longest) == (min(lengths), min(max(lengths), 15)), code


def test_regions_that_share_a_calling_code_share_a_trunk_prefix() -> None:
    # int_identity__phones reads a number from abroad by its calling code alone.
    trunks: dict[str, set[str]] = {}
    for region in regions.read_regions():
        trunks.setdefault(region.calling_code, set()).add(region.trunk_prefix)
    assert {code: found for code, found in trunks.items() if len(found) > 1} == {}
