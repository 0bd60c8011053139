"""Rows of a mapped data set whose values do not fit the contract, told apart from the others.

Only needed when a data set did not go through as a whole: every value is tried by itself, in statements of their own,
since DuckDB computes an expression that two columns share once, outside of the ``try`` that would catch it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from contracts.input_contracts import InputContract
from extract.source import Rejected
from extract.sources.input_mapping import SQL_TYPES, Column, expression, quoted, selected, text

if TYPE_CHECKING:
    import duckdb

# The row's place in its data set: what tells two equal rows apart.
PLACE = "_braid_place"
# More bad rows than this, or than half of at least so many, or all, and it is the mapping that is wrong, not the rows.
MOST_BAD, HALF_OF = 10_000, 20


class Misfits:
    """The rows of ``braid_source`` (a relation with a column ``_braid_place``) that do not fit, found when made."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: InputContract,
        columns: Mapping[str, Column],
        dataset: str,
    ) -> None:
        """Tries every value; a broken expression (no such column) raises duckdb.Error."""
        self._connection, self._contract = connection, contract
        connection.execute("create temp table braid_wrong (place bigint, name varchar, rank integer)")
        self._selected = []
        for rank, (name, kind) in enumerate(contract.columns.items()):
            column = columns.get(name)
            if name == "dataset":
                self._selected.append(f"{text(dataset)} as dataset")
            elif column is None or column.number_within is None:
                self._selected.append(
                    f"case when not {self._wrong(name)} then {selected(kind, column)} end as {quoted(name)}"
                )
                if column is not None:
                    tried = f"try((cast({expression(column)} as {SQL_TYPES[kind]})) is null) is null"
                    # An expression may be wrong because of a column that is one of its own: that one is the culprit.
                    blamed = rank if column.field is not None else len(contract.columns) + rank
                    found = f"select {PLACE}, {text(name)}, {blamed} from braid_source where {tried}"
                    connection.execute(f"insert into braid_wrong {found}")
        # The data set's name and counted rows are never null.
        keys = [quoted(name) for name in contract.key if name in columns and columns[name].number_within is None]
        self.keyless = " or ".join(f"{name} is null" for name in keys) or "false"

    @property
    def mapped(self) -> str:
        """A query of every row: its place, the contract's columns, ``braid_names`` of those that do not fit."""
        return f"""
            select braid_source.{PLACE}, {", ".join(self._selected)}, braid_names
            from braid_source
            left join (select place, list(name order by rank) as braid_names from braid_wrong group by place)
                on place = braid_source.{PLACE}
        """

    def too_many(self) -> str | None:
        """Where it is not the rows that are wrong: how many do not fit, and what most of them lack; else None."""
        query = f"select count(*), count(*) filter (braid_names is not null or {self.keyless}) from ({self.mapped})"
        rows, bad = self._connection.execute(query).fetchall()[0]
        if not (bad > MOST_BAD or (rows >= HALF_OF and 2 * bad > rows) or bad == rows > 1):
            return None
        worst = self._connection.execute(
            "select name from braid_wrong group by name order by count(*) desc, min(rank) asc limit 1"
        ).fetchall()
        which = f"mostly by {worst[0][0]}" if worst else "since a column of their key is empty"
        return f"{bad:,} of {rows:,} rows do not fit the contract, {which}"

    def rejected(self, where: str, relation: str, first: int = 0) -> Iterator[tuple[int, Rejected]]:
        """The bad rows of ``relation``, which has what ``mapped`` gives and all numbers, each with its place.

        ``first`` is how many rows of the data set come before these.
        """
        whole = " and ".join(f"{quoted(name)} is not null" for name in self._contract.key)
        keys = ", ".join(f"cast({quoted(name)} as varchar)" for name in self._contract.key)
        found = self._connection.execute(
            f"select {PLACE}, braid_names, case when {whole} then concat_ws('|', {keys}) end,"
            f" cast(to_json(braid_source) as varchar) from ({relation}) join braid_source using ({PLACE})"
            f" where braid_names is not null or {self.keyless} order by 1"
        ).fetchall()
        for place, names, key, payload in found:
            row = json.loads(payload)
            del row[PLACE]
            column = names[0] if names else "its key"
            reason = f"{column} is not of its type" if names else "a column of the key is empty"
            position = f"{where}, row {first + place}"
            found_bad = Rejected(
                json.dumps(row, ensure_ascii=False, sort_keys=True),
                f"type:{column}" if names else "null_key",
                f"{position}: {reason}; correct it there, or the mapping.",
                position,
                key,
            )
            yield place, found_bad

    def _wrong(self, name: str) -> str:
        return f"coalesce(list_contains(braid_names, {text(name)}), false)"
