"""``identity_gate.yml``: what a new graph may change before somebody has to look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

# What models/identity/identity_gate.sql measures.
MEASURES = (
    "merged_customers",
    "customers_in_one",
    "split_customers",
    "records_gained",
    "largest_cluster",
    "over_limit_identifiers",
)


@dataclass(frozen=True)
class Measure:
    """A measure and its limit: ``most``, or ``percent`` of what is published where that is more."""

    name: str
    description: str
    most: int
    percent: int


def read(path: Path = HERE / "identity_gate.yml") -> tuple[Measure, ...]:
    """Limits in the order of MEASURES, one each. Raises ContractError."""
    top = load(path, ("measures",))
    found = {one.name: one for one in each(top, "measures", ("name", "description", "most", "percent"), _measure)}
    if missing := [name for name in MEASURES if name not in found]:
        raise ContractError(f"{path.name}: {missing[0]} has no limit; each measure needs one.")
    return tuple(found[name] for name in MEASURES)


def _measure(entry: Entry) -> Measure:
    most = entry.number("most")
    if most is None:
        raise ContractError(f"{entry.where} lacks most.")
    return Measure(
        name=entry.one_of("name", MEASURES),
        description=entry.text("description"),
        most=most,
        percent=entry.number("percent") or 0,
    )
