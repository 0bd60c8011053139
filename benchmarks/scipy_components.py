"""The reference in a process of its own: ``python -m benchmarks.scipy_components DUCKDB`` prints one line of JSON."""

from __future__ import annotations

import json
import sys
import time

import duckdb
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Records and identifiers numbered from 0, identifiers after the records.
PAIRS = """
    select
        dense_rank() over (order by record_key) - 1 as record,
        dense_rank() over (order by identifier_type, identifier_value) - 1 as identifier
    from identity.int_identity__identifiers
    where identifier_status = 'usable'
"""


def main() -> None:
    """Read, number, then measure."""
    with duckdb.connect(sys.argv[1], read_only=True, config={"threads": 2}) as connection:
        pairs = connection.execute(PAIRS).fetchnumpy()
    record, identifier = pairs["record"].astype(np.int32), pairs["identifier"].astype(np.int32)
    identifier += record.max() + 1
    size = int(identifier.max()) + 1
    began = time.perf_counter()
    graph = coo_matrix((np.ones(len(record), np.int8), (record, identifier)), shape=(size, size)).tocsr()
    count, _ = connected_components(graph, directed=False)
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "components": int(count), "nodes": size}) + "\n")


if __name__ == "__main__":
    main()
