"""Rows of a table as those of the input contract it is mapped onto."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from extract.source import MalformedAnswer, ObjectInfo, Rejected, Window
from extract.sources.input_mapping import has_null_keys, plainly, quoted, selected, text
from extract.sources.sql.config import TableSpec
from extract.sources.sql.tables import MOMENT, Described

# Beside a contract's columns: when the row changed, by its table's own watermark; null where the table has none.
WATERMARK = "_watermark"


def as_contract(
    table: pa.Table,
    info: ObjectInfo,
    spec: TableSpec,
    described: Described,
    window: Window,
    reject: Callable[[Sequence[Rejected]], None],
    before: int,
) -> pa.Table:
    """``table`` (columns named as at the source) as those of the contract's columns that are wanted, and the watermark.

    Rows that do not fit are given to ``reject``; ``before`` is how many of the window came before these. Raises
    MalformedAnswer when the mapping is wrong: a missing column, or most of the first rows of a whole table.
    """
    import duckdb

    from extract.sources.misfits import PLACE, Misfits

    assert spec.contract is not None
    where = f"Data set {spec.dataset!r}, table {spec}"
    wanted = [name for name in info.schema.names if name != WATERMARK]
    moments: pa.ChunkedArray[Any] = (
        table[described.watermark.name]
        if described.watermark
        else pa.chunked_array([pa.array([None] * table.num_rows, MOMENT)])
    )
    rows = table.append_column(PLACE, pa.array(range(table.num_rows), pa.int64()))
    select = [
        f"{text(spec.dataset)} as dataset"
        if name == "dataset"
        else f"{selected(spec.contract.columns[name], spec.mapping.get(name))} as {quoted(name)}"
        for name in wanted
    ]
    with duckdb.connect() as connection:
        for name, value in {"threads": "1", "timezone": "UTC"}.items():
            connection.execute(f"set {name} = {text(value)}")
        connection.register("braid_source", rows)
        try:
            try:
                found: pa.Table = connection.sql(f"select {', '.join(select)} from braid_source").to_arrow_table()
                whole = not has_null_keys(found, spec.contract)
            except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
                whole = False
            if not whole:
                misfits = Misfits(connection, spec.contract, spec.mapping, spec.dataset)
                if window.start is None and not before and (problem := misfits.too_many()):
                    raise MalformedAnswer(f"{where}: {problem}; correct the table or its mapping.")
                bad = misfits.rejected(where, misfits.mapped, before + 1)
                reject([row._replace(cursor=moments[place].as_py()) for place, row in bad])
                columns = ", ".join(quoted(name) for name in wanted)
                good = connection.sql(
                    f"select {columns}, {PLACE} from ({misfits.mapped}) where braid_names is null"
                    f" and not ({misfits.keyless}) order by {PLACE}"
                ).to_arrow_table()
                moments, found = moments.take(good[PLACE]), good.select(wanted)
        except duckdb.Error as error:
            raise MalformedAnswer(f"{where}: {plainly(error, 'table')}") from None
    return found.append_column(WATERMARK, moments) if WATERMARK in info.schema.names else found
