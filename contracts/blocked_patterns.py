"""Patterns of values that identify nobody, as SQL.

A pattern that stands in the statement is compiled once; one that comes out of a table is compiled anew for each value,
which took longer than everything else that identifiers need.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.identifiers import IdentifierType

# Blocked for every type; a seed of blocked values cannot hold it: dbt reads it as none.
_EVERYWHERE = "(null)"
_HEAD = """{#- Derived from contracts/identifiers.yml by `braid contracts build`; change that, not this.
    The pattern that a normalised value in lower case matches as a whole, the first of several in their order; null when
    it matches none. Both arguments are SQL. -#}
"""


def rendered(types: Iterable[IdentifierType]) -> str:
    """The macro ``blocked_pattern(identifier_type, value)``."""
    cases = "\n".join(_case(kind) for kind in types if not kind.parts)
    return (
        f"{_HEAD}{{% macro blocked_pattern(identifier_type, value) -%}}\n"
        f"case {{{{ identifier_type }}}}\n{cases}\nend\n{{%- endmacro %}}\n"
    )


def _case(kind: IdentifierType) -> str:
    whens = "\n".join(_when(pattern) for pattern in sorted((_EVERYWHERE, *kind.blocked_patterns)))
    return f"    when '{kind.name}' then case\n{whens}\n    end"


def _when(pattern: str) -> str:
    # The contract admits neither quotes nor backslashes, so that Jinja and SQL read what is written.
    text = f""""'" ~ '{pattern}' ~ "'\""""
    return f"        when {{{{ regexp_full_match(value, {text}) }}}} then {{{{ {text} }}}}"
