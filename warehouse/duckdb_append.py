"""The statements of an insert that leaves out keys which are there already, as DuckDB runs them fastest.

What may not go in is found by the keys alone, before anything is written: whoever deletes rows of the transaction that
brought them has DuckDB write all others of it a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.base import Staged
from warehouse.identifiers import quote, quote_list

# Rows beside the staged ones: keys that come more than once, and those that the table has.
REPEATED, KNOWN = "braid_repeated", "braid_known"


@dataclass(frozen=True)
class Appending:
    """One batch for ``relation``; of rows with one key the first by ``order``, then by all columns, goes in."""

    relation: str
    staged: Staged
    key: Sequence[str]
    order: Sequence[str]

    @property
    def counted(self) -> str:
        """How many rows are staged, how many hashes their keys have, and how many rows lack a key.

        Equal keys have equal hashes: as many hashes as rows proves that no key repeats, at a quarter of the cost.
        """
        with_null = " or ".join(f"{column} is null" for column in self._keys)
        return (
            f"select count(*), count(distinct hash({', '.join(self._keys)})), count(*) filter (where {with_null})"
            f" from {self.staged.sql}"
        )

    @property
    def repeated(self) -> str:
        """Staged keys that come more than once, and how often."""
        keys = ", ".join(self._keys)
        return f"select {keys}, count(*) as braid_rows from {self.staged.sql} group by {keys} having count(*) > 1"

    @property
    def known(self) -> str:
        """Staged keys that the table has, once each."""
        on = " and ".join(f"t.{column} = b.{column}" for column in self._keys)
        return (
            f"select distinct {', '.join(f'b.{c}' for c in self._keys)}"
            f" from {self.relation} as t inner join {self.staged.sql} as b on {on}"
        )

    def insert(self, *, but: Sequence[str]) -> str:
        """Put in the rows whose keys are in none of ``but``."""
        columns = quote_list(self.staged.schema.names, "duckdb")
        return (
            f"insert into {self.relation} ({columns}) select {columns} from {self.staged.sql} as b"
            f" where {self._among('not exists', but)}"
        )

    def insert_first(self, *, but: Sequence[str]) -> str:
        """Put in one row of each key that repeats and is in none of ``but``."""
        columns = quote_list(self.staged.schema.names, "duckdb")
        rest = [c for c in sorted(self.staged.schema.names) if c not in self.staged.constants and c not in self.key]
        total_order = [*self.order, *(f"{quote(column, 'duckdb')} asc nulls last" for column in rest)]
        return (
            f"insert into {self.relation} ({columns}) select {columns} from (select *, row_number() over"
            f" (partition by {', '.join(self._keys)} order by {', '.join(total_order) or 'true'}) as braid_place"
            f" from {self.staged.sql} as b where {self._among('exists', [REPEATED])}"
            f" and {self._among('not exists', but)}) where braid_place = 1"
        )

    @property
    def _keys(self) -> list[str]:
        return [quote(column, "duckdb") for column in self.key]

    def _among(self, exists: str, names: Sequence[str]) -> str:
        same = " and ".join(f"w.{column} = b.{column}" for column in self._keys)
        return " and ".join(f"{exists} (select 1 from {name} as w where {same})" for name in names) or "true"
