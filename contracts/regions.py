"""``phone_regions.yml`` and ``source_regions.yml``: numbering and names of countries, and where sources are at home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.identifiers import RECORD_SOURCES
from contracts.reading import HERE, Entry, each, load


@dataclass(frozen=True)
class Region:
    """A country or territory: names people write, and its telephone numbering (lengths in digits, inclusive)."""

    code: str
    names: tuple[str, ...]
    calling_code: str
    trunk_prefix: str
    international_prefix: str
    shortest: int
    longest: int


def read_regions(path: Path = HERE / "phone_regions.yml") -> tuple[Region, ...]:
    """Raises ContractError."""
    keys = ("region", "name", "also", "calling_code", "trunk_prefix", "international_prefix", "lengths")
    regions = each(load(path, ("regions",)), "regions", keys, _region, name="region")
    owner: dict[str, str] = {}
    for region in regions:
        for name in region.names:
            if (other := owner.setdefault(name.lower(), region.code)) != region.code:
                raise ContractError(f"{path.name}: {name!r} names both {other} and {region.code}; keep one.")
    return regions


def read_source_regions(regions: tuple[Region, ...], path: Path = HERE / "source_regions.yml") -> Mapping[str, str]:
    """Default region of each record source. Raises ContractError."""
    top = load(path, ("default_regions",))
    found = Entry(f"{path.name}: default_regions", top.values.get("default_regions"), RECORD_SOURCES)
    codes = {region.code for region in regions}
    for source in RECORD_SOURCES:
        if found.text(source) not in codes:
            raise ContractError(f"{found.where}: {source} is at home in {found.text(source)!r}, which is no region.")
    return {source: found.text(source) for source in RECORD_SOURCES}


def _region(entry: Entry) -> Region:
    code = entry.text("region")
    if len(code) != 2 or not code.isupper():
        raise ContractError(f"{entry.where}: a region is two capital letters (ISO 3166).")
    digits = {key: entry.text(key) for key in ("calling_code", "trunk_prefix", "international_prefix")}
    for key, value in digits.items():
        if value and not value.isdecimal():
            raise ContractError(f"{entry.where}: {key} must be digits, not {value!r}.")
    lengths = entry.values.get("lengths")
    if not (
        isinstance(lengths, list)
        and len(lengths) == 2
        and all(isinstance(length, int) for length in lengths)
        and 1 <= lengths[0] <= lengths[1] <= 15
    ):
        raise ContractError(f"{entry.where}: lengths must be the fewest and the most digits, [fewest, most].")
    return Region(
        code=code,
        names=(entry.text("name"), *entry.texts("also")),
        calling_code=digits["calling_code"],
        trunk_prefix=digits["trunk_prefix"],
        international_prefix=digits["international_prefix"],
        shortest=lengths[0],
        longest=lengths[1],
    )
