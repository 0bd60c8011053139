"""Calls of SDKs as JSON text, read by columns: what the Segment archive and the collector's log have in common."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from warehouse.types import long_text

# The parts of a call and of its context that have columns; what it has beside these stays in its payload.
CONTEXT = '{"traits":"JSON","consent":"JSON","location":{"country":"VARCHAR"}}'

# Of a parser.
THREADS = 2

_JSON = frozenset({"context", "properties", "traits", "payload", "violations"})

_MACROS = """
create macro moment(written) as case
    when regexp_full_match(written, '\\d{13}') then epoch_ms(try_cast(written as bigint))
    when regexp_matches(written, '^\\d{4}-\\d\\d-\\d\\d') then cast(try_cast(written as timestamptz) as timestamp)
end;
create macro identifier(written) as case
    when lower(trim(written)) not in ('', 'null') then trim(written)
end;
create macro text_at(value, path) as case
    when json_type(value, path) = 'VARCHAR' then json_extract_string(value, path)
end;
create macro only_object(value) as case when json_type(value) = 'OBJECT' then value end;
-- A library of Rudder puts an identify's traits into the context; where both are, the call's own win.
create macro all_traits(shared, own) as case
    when only_object(shared) is not null and only_object(own) is not null then json_merge_patch(shared, own)
    else coalesce(only_object(own), only_object(shared))
end;
"""


def schema_of(types: Mapping[str, pa.DataType]) -> pa.Schema:
    """Columns of calls, those of JSON marked as long."""
    return pa.schema([long_text(name) if name in _JSON else pa.field(name, kind) for name, kind in types.items()])


def parser() -> duckdb.DuckDBPyConnection:
    """DuckDB in memory as a JSON reader by columns; it can touch neither files nor network."""
    opened = duckdb.connect(":memory:", config={"threads": THREADS, "enable_external_access": False})
    opened.execute("set timezone = 'UTC'; set enable_progress_bar = false")
    opened.execute(_MACROS)
    return opened


def is_utf8(text: bytes) -> bool:
    """Whether bytes are text at all."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
