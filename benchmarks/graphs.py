"""Records and identifiers by the million, in the tables the identity step reads: SQL, seeded by hashes, a few seconds.

people      1.6 identifiers a record, 2.2 records a person; two in a thousand identifiers are somebody else's too
chain       each record shares a value with the next one
hub         every record has the same value
two large   two trees of as many records, which the news join
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import duckdb

Graph = str
# A record's number and its identifier, out of the numbers from {start} to {start} + {size}.
GRAPHS: Mapping[str, Graph] = MappingProxyType(
    {
        "nobody": "select 0 as number, 'none' as value where false",
        "people": """
            with numbers as (select range as number from range({start}, {start} + {size})),
            owned as (
                select number, hash(number * 13) % 2 = 0 as is_email,
                    hash(number * 7919 + 5) % greatest({size} * 5 // 11, 1) as person, hash(number * 31 + 5) as chance
                from numbers
                union all
                select number, hash(number * 13) % 2 = 1, hash(number * 7919 + 5) % greatest({size} * 5 // 11, 1),
                    hash(number * 37 + 11)
                from numbers where hash(number * 41 + 3) % 10 < 6
            )
            select number, case
                when chance % 1000 < 2 then 'family' || (chance // 1000 % ({size} // 40 + 1)) || '@example.com'
                when is_email then 'person' || person || '@example.com'
                else '+49301' || lpad(cast(person as varchar), 9, '0')
            end as value
            from owned
        """,
        "chain": """
            select range as number, 'tie' || range as value from range({size})
            union all select range + 1, 'tie' || range from range({size} - 1)
        """,
        "hub": "select range as number, 'shared' as value from range({size})",
        "two large": """
            select range as number, 'tie' || range // 2 as value from range(1, {size})
            union all select range, 'tie' || range from range(1, {size})
            union all select range + {size}, 'knot' || range // 2 from range(1, {size})
            union all select range + {size}, 'knot' || range from range(1, {size})
        """,
    }
)
KEY = "'salesforce:contact:' || lpad(cast(number as varchar), 18, '0')"
RECORDS = f"""
    select distinct
        {KEY} as record_key, hash({KEY}) as record_number, 'salesforce:contact' as record_source,
        'salesforce' as source_system, 'contact' as source_object, cast(number as varchar) as record_id,
        false as is_deleted,
        timestamp '2020-01-01' + to_seconds(cast(hash(number) % 150000000 as bigint)) as created_at,
        {{updated}} as updated_at
    from graph
"""
# Sources say when a record was last another; what comes after a run is later than what the run has read.
LONG_AGO = "timestamp '2024-10-05' + to_seconds(cast(hash(number * 3) % 39000000 as bigint))"
SINCE = "timestamp '2026-01-02'"
IDENTIFIERS = f"""
    select *, hash(record_key) as record_number, hash(identifier_type, identifier_value) as value_number
    from (
        select distinct
            {KEY} as record_key, case when value like '+%' then 'phone' else 'email' end as identifier_type,
            value as identifier_value, value as written_value, 'usable' as identifier_status,
            cast(null as varchar) as why, case when value like '+%' then 3 else 2 end as priority
        from graph
    )
"""


# Nobody is matched by score: pairs that were judged are another part's measure.
JUDGED_PAIRS = """
    select
        cast(null as varchar) as record_key_a, cast(null as varchar) as record_key_b, 'link' as verdict,
        cast(null as varchar) as evidence, cast(null as double) as link_probability
    where false
"""


def fill(database: Path, graph: Graph, size: int) -> int:
    """Put a graph into the two tables, in place of what they hold; returns how many identifiers records carry."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema if not exists identity")
        connection.execute(f"create or replace table identity.int_identity__judged_pairs as {JUDGED_PAIRS}")
    return _write(database, graph.format(start=0, size=size), "create or replace table {} as")


def news(database: Path, name: str, size: int) -> int:
    """Add 1 % of records to people, or what joins the two large ones; returns how many identifiers were added."""
    if name == "people":
        # As many persons as before, so that most of the news is about somebody who is known.
        graph = GRAPHS[name].format(start=size, size=size) + f" where number < {size + size // 100}"
    else:
        graph = f"select {size // 3} as number, 'bridge' as value union all select {size + size // 2}, 'bridge'"
    return _write(database, graph, "insert into {}")


def _write(database: Path, graph: str, into: str) -> int:
    with duckdb.connect(str(database), config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute(f"create temporary view graph as {graph}")
        records = RECORDS.replace("{updated}", SINCE if "insert" in into else LONG_AGO)
        for table, rows in (("int_identity__records", records), ("int_identity__identifiers", IDENTIFIERS)):
            new = f" where record_key not in (select record_key from identity.{table})" if "insert" in into else ""
            rows = f"select * from ({rows}){new if table.endswith('records') else ''}"
            ((count,),) = connection.execute(f"{into.format(f'identity.{table}')} {rows}").fetchall()
    return int(count)
