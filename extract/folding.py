"""Rows of one key counted together: how often it came, when first, and the newest of what it said.

Each row of the source is folded in once, since the place in the source moves in the same transaction. However the rows
were cut into batches, the same rows give the same table: sums, smallest and greatest do not mind, and of rows that are
equally new the one whose values sort last wins.
"""

from __future__ import annotations

from extract.source import Folds, ObjectInfo
from warehouse.base import LandedCounts, Staged, Warehouse


def fold(warehouse: Warehouse, info: ObjectInfo, batch: Staged, folds: Folds) -> LandedCounts:
    """Fold a staged batch into its table, within the transaction."""
    q, table = warehouse.quoted, warehouse.relation(info.table)
    keys = [q(column) for column in info.key]
    counted = (folds.sums, folds.least, folds.newest)
    said = [c for c in info.schema.names if c not in info.key and c not in counted]
    order = [f"{q(column)} desc nulls last" for column in (folds.newest, *said)]
    by = ", ".join(keys)
    others = [c for c in batch.schema.names if c not in counted]
    batched = (
        f"select {', '.join(map(q, others))},"
        f" sum({q(folds.sums)}) over (partition by {by}) as {q(folds.sums)},"
        f" min({q(folds.least)}) over (partition by {by}) as {q(folds.least)},"
        f" max({q(folds.newest)}) over (partition by {by}) as {q(folds.newest)},"
        f" row_number() over (partition by {by} order by {', '.join(order)}) as place"
        f" from {batch.sql}"
    )
    # Aliases of windows hide the columns they are made of, so the choice is made outside.
    one = f"(select * from ({batched}) as counted where place = 1)"
    same = " and ".join(f"t.{key} = b.{key}" for key in keys)
    newer = f"({_later('b', 't', [folds.newest, *said], warehouse)})"
    taken = [c for c in batch.schema.names if c not in info.key and c not in counted]
    values = [f"{q(c)} = case when {newer} then b.{q(c)} else t.{q(c)} end" for c in taken if c not in batch.constants]
    values += [f"{q(c)} = b.{q(c)}" for c in taken if c in batch.constants]
    values.append(f"{q(folds.sums)} = t.{q(folds.sums)} + b.{q(folds.sums)}")
    values.append(f"{q(folds.least)} = least(t.{q(folds.least)}, b.{q(folds.least)})")
    values.append(f"{q(folds.newest)} = greatest(t.{q(folds.newest)}, b.{q(folds.newest)})")
    read = _number(warehouse, f"select count(*) from {batch.sql}")
    distinct = _number(warehouse, f"select count(*) from {one} as b")
    known = _number(
        warehouse, f"select count(*) from {one} as b where exists (select 1 from {table} as t where {same})"
    )
    warehouse.execute(f"update {table} as t set {', '.join(values)} from {one} as b where {same}")
    columns = ", ".join(map(q, batch.schema.names))
    warehouse.execute(
        f"insert into {table} ({columns}) select {columns} from {one} as b"
        f" where not exists (select 1 from {table} as t where {same})"
    )
    return LandedCounts(read, distinct - known, known, distinct)


def _later(new: str, old: str, columns: list[str], warehouse: Warehouse) -> str:
    """SQL: the new row sorts before the old one by ``columns``, greatest first and nulls last."""
    clause = "false"
    for column in reversed(columns):
        n, o = f"{new}.{warehouse.quoted(column)}", f"{old}.{warehouse.quoted(column)}"
        clause = (
            f"case when {n} is not distinct from {o} then {clause}"
            f" when {n} is null then false when {o} is null then true else {n} > {o} end"
        )
    return clause


def _number(warehouse: Warehouse, sql: str) -> int:
    return int(warehouse.query(sql).column(0)[0].as_py())
