"""The SQL that scores, as dbt macros: what evaluates files on DuckDB is word for word what the warehouse runs.

``macros/matching/generated.sql`` is committed and derived: from contracts/matching.yml and the modules beside this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from contracts.matching import Matching, read
from matching import clusters
from matching.keys import matching_keys
from matching.levels import DIALECTS
from matching.scores import compared_pairs, pairs_of_rule, rule_pairs, same_block, weighed_pairs

MACROS = Path(__file__).parents[1] / "macros" / "matching" / "generated.sql"
# Stands for the relation of keys in text that Jinja completes.
_KEYS = "@keys"
_HEAD = """{#- Derived from contracts/matching.yml by `braid contracts build`; change that, not this. -#}
"""


def contract_version(matching: Matching) -> str:
    """Names what weights are of: the comparisons. Weights of another version would weigh other levels."""
    return hashlib.sha256(repr(matching.comparisons).encode()).hexdigest()[:12]


def rendered(matching: Matching | None = None) -> str:
    """All macros."""
    contract = matching or read()
    parts = [_HEAD, _macro("matching_contract", "", contract_version(contract)), _rules(contract), _allowed(contract)]
    by_dialect: list[tuple[str, str, Callable[[str], str]]] = [
        (
            "matching_keys",
            "persons, nicknames",
            lambda dialect: matching_keys("{{ persons }}", "{{ nicknames }}", dialect),
        ),
        (
            "matching_compared_pairs",
            "keys, pairs, frequencies",
            lambda dialect: compared_pairs(
                "{{ keys }}", "{{ pairs }}", "{{ frequencies }}", contract.comparisons, dialect
            ),
        ),
    ]
    for name, arguments, render in by_dialect:
        parts.append(_macro(name, arguments, f"{{{{ return(adapter.dispatch('{name}', 'braid')({arguments})) }}}}"))
        for dialect in DIALECTS:
            prefix = "default" if dialect == "duckdb" else dialect
            parts.append(_macro(f"{prefix}__{name}", arguments, render(dialect)))
    parts.append(
        _macro(
            "matching_weighed_pairs",
            "compared, weights",
            weighed_pairs("{{ compared }}", "{{ weights }}", contract.comparisons),
        )
    )
    parts.append(_evidence(contract))
    parts.append(_clusters())
    return "\n".join(parts)


def is_current() -> bool:
    """Whether the committed macros are what the contract and the code say."""
    return MACROS.is_file() and MACROS.read_text(encoding="utf-8") == rendered()


def write() -> bool:
    """Write the macros where they are stale; whether they were."""
    if is_current():
        return False
    MACROS.parent.mkdir(parents=True, exist_ok=True)
    MACROS.write_text(rendered(), encoding="utf-8")
    return True


def _macro(name: str, arguments: str, body: str) -> str:
    return f"{{% macro {name}({arguments}) -%}}\n{body}\n{{%- endmacro %}}\n"


def _rules(contract: Matching) -> str:
    """Each rule: its name, what counts and what makes its pairs, and what a pair shares; Jinja chooses."""
    rules = ",\n    ".join(
        f'{{"name": "{rule.name}", "count": "{pairs_of_rule(rule, _KEYS)}", '
        f'"pairs": "{rule_pairs(_KEYS, rule, place)}", "block": "{same_block(rule)}"}}'
        for place, rule in enumerate(contract.blocking)
    )
    limits = f'{{"pairs_per_record": {contract.pairs_per_record}, "pairs_at_least": {contract.pairs_at_least}}}'
    return "\n".join(
        [
            _macro("matching_rules", "", f"{{{{ return([\n    {rules}\n]) }}}}"),
            _macro("matching_limits", "", f"{{{{ return({limits}) }}}}"),
        ]
    )


def _allowed(contract: Matching) -> str:
    """Whether a person may be compared at all, from recorded consent and region."""
    purpose = f"{{{{ json_text(consent, '{contract.purpose}') }}}}"
    conditions = [f"coalesce({purpose}, '') <> 'false'"]
    if contract.forbidden_regions:
        conditions.append(f"coalesce({{{{ region }}}}, '') not in ({_listed(contract.forbidden_regions)})")
    if contract.consent_regions:
        conditions.append(
            f"(coalesce({{{{ region }}}}, '') not in ({_listed(contract.consent_regions)}) "
            f"or coalesce({purpose}, '') = 'true')"
        )
    return _macro("matching_is_allowed", "consent, region", "(" + "\n    and ".join(conditions) + ")")


def _evidence(contract: Matching) -> str:
    """What each comparison that says something adds, in bits: 'first_name 5.2, postcode -2.7'."""
    said = " ||\n    ".join(
        f"case when {{{{ relation }}}}.level_{item.name} >= 0 then ', {item.name} ' || "
        f"cast(cast({{{{ relation }}}}.weight_{item.name} as decimal(9, 1)) as varchar) else '' end"
        for item in contract.comparisons
    )
    return _macro("matching_evidence", "relation", f"substr(\n    {said}, 3)")


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _clusters() -> str:
    """The tables of the start and of a round, as lists of name and query; names are found by the caller's ``names``."""

    def listed(steps: list[tuple[str, str]]) -> str:
        return ",\n    ".join(f'["{name}", "{query}"]' for name, query in steps)

    def now(name: str) -> str:
        """A table's name as Jinja puts it together: @edges_before, @edges."""
        table, _, number = name.rpartition("_")
        return f"@{table}_before" if number == "0" else f"@{table}_now"

    first = list(clusters.start("@weighed", "@keys", "@threshold", lambda name: f"@{name.rpartition('_')[0]}_now"))
    each = list(clusters.round_of(1, "@threshold", now))
    return "\n".join(
        [
            _macro("matching_cluster_start", "", f"{{{{ return([\n    {listed(first)}\n]) }}}}"),
            _macro("matching_cluster_round", "", f"{{{{ return([\n    {listed(each)}\n]) }}}}"),
        ]
    )
