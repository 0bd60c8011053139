"""How common each value of a column is: what makes a rare shared name weigh more than a common one."""

from __future__ import annotations


def term_frequencies(keys: str, columns: tuple[str, ...], version: str) -> str:
    """Rows of the table term_frequencies: the share of the records with the column that have the value."""
    if not columns:
        return (
            f"select '{version}' as model_version, cast(null as varchar) as column_name, "
            f"cast(null as varchar) as term, cast(null as double) as term_frequency from {keys} where false"
        )
    return "\nunion all\n".join(
        f"select '{version}' as model_version, '{column}' as column_name, {column} as term, "
        f"cast(count(*) as double) / sum(count(*)) over () as term_frequency "
        f"from {keys} where {column} is not null group by {column}"
        for column in columns
    )
