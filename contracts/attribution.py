"""``attribution.yml``: what is a conversion, which touches can have led to it, and what the models of credit go by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

# What models/marts/marketing/int_marketing__conversions.sql finds.
CONVERSIONS = ("order", "opportunity")
BEGINNINGS = ("lookback", "last_conversion")


@dataclass(frozen=True)
class Conversion:
    """A kind of conversion and the days before it in which touches count."""

    name: str
    description: str
    lookback_days: int
    path_begins: str


@dataclass(frozen=True)
class Attribution:
    """The rules of credit; percentages are whole numbers of 1 to 98."""

    conversions: tuple[Conversion, ...]
    direct_channels: tuple[str, ...]
    first_percent: int
    last_percent: int
    half_life_days: int


def read(path: Path = HERE / "attribution.yml") -> Attribution:
    """The rules, as they stand in the file. Raises ContractError."""
    top = load(path, ("conversions", "direct_channels", "first_percent", "last_percent", "half_life_days"))
    fields = ("name", "description", "lookback_days", "path_begins")
    conversions = each(top, "conversions", fields, _conversion)
    first, last, half_life = (_needed(top, key) for key in ("first_percent", "last_percent", "half_life_days"))
    if first + last >= 100:
        raise ContractError(
            f"{top.where}: first_percent and last_percent are {first} and {last}; they must leave something of 100."
        )
    # Channels are in lower case wherever they come from.
    direct = tuple(channel.strip().lower() for channel in top.texts("direct_channels"))
    return Attribution(conversions, direct, first, last, half_life)


def _conversion(entry: Entry) -> Conversion:
    name = entry.one_of("name", CONVERSIONS)
    return Conversion(
        name, entry.text("description"), _needed(entry, "lookback_days"), entry.one_of("path_begins", BEGINNINGS)
    )


def _needed(entry: Entry, key: str) -> int:
    number = entry.number(key)
    if number is None:
        raise ContractError(f"{entry.where} lacks {key}.")
    return number
