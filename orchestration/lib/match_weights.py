"""A version of the weights of matching, as people look at it: from the books in the warehouse, or from a file.

The file is the JSON that ``braid identity weights --json`` prints. Weights are in bits. Raises MatchingError in one
sentence where there is no such version, or the file is none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from matching import MatchingError
from matching.model import MOVED, PRIOR
from orchestration.lib.match_training import MODELS, WEIGHTS
from warehouse.base import Warehouse


@dataclass(frozen=True)
class LevelWeight:
    """How much it says that two records agree at a level.

    ``m`` is how often the level holds for one person, ``u`` by chance, ``h`` for two people of a household, ``n`` for
    two namesakes; the weights are log2 of m, h and n over u.
    """

    level: int
    label: str
    m: float
    u: float
    h: float
    n: float
    weight: float
    household_weight: float
    namesake_weight: float
    term_frequency_column: str | None

    @property
    def words(self) -> str:
        """The label as people say it: `jaro_winkler last_name 90` is `last name alike, 90 %`."""
        kind, *rest = self.label.split(" ")
        columns = rest[0].replace("_", " ").replace("/", " and ") if rest else ""
        most = rest[1] if len(rest) > 1 else ""
        letters = f"{most} letter" if most == "1" else f"{most} letters"
        return {
            "exact": f"same {columns}",
            "swapped": f"{columns} swapped",
            "jaro_winkler": f"{columns} alike, {most} %",
            "levenshtein": f"{columns} up to {letters} off",
            "prefix": f"{columns} begins alike, {letters}",
            "date_distance": f"{columns} within {most} days",
            "array_overlap": f"{columns} with {most} in common",
        }.get(kind, self.label)


@dataclass(frozen=True)
class ComparisonWeights:
    """A comparison and its levels, the strictest first."""

    name: str
    levels: tuple[LevelWeight, ...]


@dataclass(frozen=True)
class VersionWeights:
    """A version; links lie at ``link_weight`` or above.

    The priors are shares of all pairs: of one person whose home is compared as it was, of one who moved, of two people
    in a household, of two namesakes; 0 where nothing compared can tell.
    """

    model_version: str
    contract_version: str
    number_of_records: int
    prior: float
    moved_prior: float
    household_prior: float
    namesake_prior: float
    link_weight: float
    review_weight: float
    comparisons: tuple[ComparisonWeights, ...]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def one_in(share: float) -> str:
    """A share of all pairs in words."""
    return f"one in {1 / share:,.0f}" if share else "none"


# As they are in match_weights, in the order that they are read in.
_COLUMNS = (
    "comparison_name", "comparison_level", "level_label", "m_probability", "u_probability", "h_probability",
    "n_probability", "match_weight", "household_weight", "namesake_weight", "term_frequency_column",
)  # fmt: skip


def _refuse_old_books(warehouse: Warehouse) -> None:
    """Raises MatchingError when another version of Braid wrote the books, and they lack columns of this one."""
    for table, needed in ((MODELS, ("link_weight", "review_weight")), (WEIGHTS, _COLUMNS)):
        there = {name.lower() for name in warehouse.columns(table) or {}}
        if not there.issuperset(needed):
            raise MatchingError(
                f"{table} is of an older version of Braid and lacks {', '.join(sorted({*needed} - there))}: "
                "run `braid identity train` again."
            )


def read(warehouse: Warehouse, version: str | None = None) -> VersionWeights:
    """The version named, or the newest one. Raises MatchingError."""
    if warehouse.columns(MODELS) is None:
        raise MatchingError("No weights were learnt yet: run `braid identity train`.")
    _refuse_old_books(warehouse)
    found = warehouse.query(
        "select model_version, contract_version, number_of_records, link_weight, review_weight"
        f" from {warehouse.relation(MODELS)} order by trained_at desc, model_version desc"
    )
    versions = {row[0]: row for row in zip(*(column.to_pylist() for column in found.columns), strict=True)}
    if not versions:
        raise MatchingError("No weights were learnt yet: run `braid identity train`.")
    if version is not None and version not in versions:
        raise MatchingError(f"{version!r} is no version of the weights; the newest are {', '.join([*versions][:3])}.")
    name, contract, records, link, review = versions[version or next(iter(versions))]
    found = warehouse.query(
        f"select {', '.join(_COLUMNS)} from {warehouse.relation(WEIGHTS)} where model_version = ?", [name]
    )
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    shares = {row[0]: row[3:7] for row in rows if row[0] in (PRIOR, MOVED)}
    if len(shares) != 2:
        raise MatchingError(f"Version {name} is incomplete in {WEIGHTS}: run `braid identity train`.")
    levels: dict[str, list[LevelWeight]] = {}
    for row in rows:
        if row[0] not in shares:
            levels.setdefault(row[0], []).append(LevelWeight(*row[1:]))
    return VersionWeights(
        model_version=name,
        contract_version=contract,
        number_of_records=int(records),
        prior=shares[PRIOR][0],
        moved_prior=shares[MOVED][0],
        household_prior=shares[PRIOR][2],
        namesake_prior=shares[PRIOR][3],
        link_weight=link,
        review_weight=review,
        comparisons=_ordered(levels),
    )


def read_file(path: Path) -> VersionWeights:
    """What ``--json`` wrote. Raises MatchingError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        comparisons = tuple(
            ComparisonWeights(item["name"], tuple(LevelWeight(**level) for level in item["levels"]))
            for item in found["comparisons"]
        )
        single = {field.name: found[field.name] for field in fields(VersionWeights) if field.name != "comparisons"}
        return VersionWeights(comparisons=comparisons, **single)
    except OSError as error:
        raise MatchingError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise MatchingError(
            f"{path} holds no weights: it must be what `braid identity weights --json` prints."
        ) from None


def _ordered(levels: dict[str, list[LevelWeight]]) -> tuple[ComparisonWeights, ...]:
    """Comparisons in the contract's order, those it has no more last, by name."""
    from contracts import matching

    places = {item.name: place for place, item in enumerate(matching.read().comparisons)}
    return tuple(
        ComparisonWeights(name, tuple(sorted(levels[name], key=lambda level: -level.level)))
        for name in sorted(levels, key=lambda name: (places.get(name, len(places)), name))
    )
