"""A company that is one very large Salesforce object: contacts as the sandbox makes them, as many as asked for.

Served by the sandbox's own app, so that an extraction cannot tell. ``python -m benchmarks.company --rows 1000000``
prints one line of JSON when it is ready and stops when its standard input ends.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.company import Company
from sandbox.company.ids import salesforce_ids
from sandbox.company.schema import TABLES, schema_of
from sandbox.server import serve_company

CONTACT = "salesforce.Contact"
# Real ones to repeat: enough that no column becomes a handful of values.
PEOPLE = 20_000
HISTORY = 600 * 86_400
# Nothing changed in the last hour: no window reads any row twice.
QUIET = 3_600


class ManyContacts:
    """``rows`` contacts; each day changes every one of them."""

    def __init__(self, rows: int) -> None:
        """Made by columns: a few seconds a million."""
        company = Company(seed=1, people=PEOPLE)
        base = company.tables[CONTACT]
        # The schema is the first day's for ever; only the clock moves.
        self.day = 1
        self._days = 0
        self._first_clock = company.clock
        table = base.take(pa.array(np.arange(rows) % base.num_rows))
        ids = pa.array(salesforce_ids("003", np.arange(1, rows + 1)), pa.string())
        self._contacts = table.set_column(table.schema.get_field_index("Id"), "Id", ids)
        # Spread over the history, in no order, many to a second.
        self._stamp(np.random.default_rng(1).integers(QUIET, HISTORY, rows))

    @property
    def clock(self) -> datetime:
        """As the sandbox's."""
        return self._first_clock + timedelta(days=self._days)

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """Contacts, and nothing else."""
        empty = {name: schema_of(name).empty_table() for name in TABLES}
        return empty | {CONTACT: self._contacts.cast(schema_of(CONTACT))}

    def advance(self) -> None:
        """Everybody gets another title, within the day."""
        self._days += 1
        place = self._contacts.schema.get_field_index("Title")
        titles = pc.binary_join_element_wise(pc.coalesce(self._contacts["Title"], ""), str(self._days), " ")
        self._contacts = self._contacts.set_column(place, "Title", titles)
        self._stamp(np.random.default_rng(1 + self._days).integers(1, 86_000, self._contacts.num_rows))

    def _stamp(self, seconds_ago: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        now = np.datetime64(self.clock.replace(tzinfo=None), "s")
        stamps = pa.array((now - seconds_ago.astype("timedelta64[s]")).astype("datetime64[us]"))
        for name in ("LastModifiedDate", "SystemModstamp"):
            self._contacts = self._contacts.set_column(self._contacts.schema.get_field_index(name), name, stamps)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.company")
    parser.add_argument("--rows", type=int, required=True)
    rows: int = parser.parse_args().rows
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))

    def ready(port: int) -> None:
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
        sys.stdout.flush()

    serve_company(ManyContacts(rows), listener, archive=None, about={"rows": rows}, ready=ready)


if __name__ == "__main__":
    main()
