"""Thirty days of a company that lives: raw equals what its systems hold, row for row, every day, and says so.

The days bring what loses rows elsewhere: late commits, ties, soft and hard deletes, merges, archived records, formulas
and new fields that move no stamp. A day is one extraction and one reconciliation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from extract.naming import snake_case
from extract.pipeline import run
from extract.reconcile import Reconciled, reconcile
from extract.source import Source
from extract.sources.hubspot import HubSpot
from extract.sources.hubspot.client import HubSpotApi
from extract.sources.salesforce import Salesforce
from extract.sources.salesforce.objects import API_NAMES
from sandbox.company import Company
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(900)

DAYS, PEOPLE, SEED = 30, 60, 3
RECORDS = ("contacts", "companies", "deals")


class Diary:
    """A warehouse beside a sandbox, and the same company once more, to know what should be there."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.file = folder / "w.duckdb"
        self.spool = folder / "spool"
        self.sandbox = sandbox
        self.company = Company(seed=SEED, people=PEOPLE)

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.file, settings={"threads": 2})

    def sources(self) -> Iterator[tuple[Source, tuple[str, ...]]]:
        env = self.sandbox.environment()

        def nap(seconds: float) -> None:
            time.sleep(min(seconds, 0.02))

        yield (
            Salesforce(env["SALESFORCE_URL"], env["SALESFORCE_CLIENT_ID"], env["SALESFORCE_CLIENT_SECRET"], sleep=nap),
            tuple(API_NAMES),
        )
        yield HubSpot(HubSpotApi(env["HUBSPOT_URL"], env["HUBSPOT_ACCESS_TOKEN"], sleep=nap)), RECORDS

    def live(self) -> list[Reconciled]:
        """One day: extract, then reconcile."""
        found = []
        for source, objects in self.sources():
            for result in run(source, objects, self.open, spool_root=self.spool):
                assert result.error is None, f"{result.object}: {result.error}"
                assert result.proof == "proven", f"{result.object}: {result.source_count} != {result.landed_count}"
            found += reconcile(source, objects, self.open, spool_root=self.spool)
            source.close()
        assert [(item.object, item.error) for item in found if item.error] == []
        return found

    def differences(self) -> dict[str, int]:
        """Rows that only one side has, by table; rows marked as gone must be gone at the source."""
        found = {}
        with duckdb.connect(self.file, read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for table, kept in self.tables():
                connection.register("kept", kept)
                columns = {name: kind for name, kind, *_ in connection.execute("describe kept").fetchall()}
                ours = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
                theirs = ", ".join(
                    f'nullif("{name}", \'\') as "{name}"' if kind == "VARCHAR" else f'"{name}"'
                    for name, kind in columns.items()
                )
                left = f"select {ours} from {table} where _deleted_how is null or _deleted_how = 'flagged'"
                right = f"select {theirs} from kept"
                ((differing,),) = connection.execute(
                    f"select count(*) from (({left} except all {right}) union all ({right} except all {left}))"
                ).fetchall()
                ((undead,),) = connection.execute(
                    f"select count(*) from {table} where _deleted_how is not null and _deleted_how <> 'flagged'"
                    " and (not _is_deleted or id in (select id from kept))"
                ).fetchall()
                if differing + undead:
                    found[table] = differing + undead
                connection.unregister("kept")
        return found

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        for name, api_name in API_NAMES.items():
            held = self.company.tables[f"salesforce.{api_name}"]
            yield f"raw_salesforce.{name}", held.rename_columns([snake_case(column) for column in held.column_names])
        for name in RECORDS:
            yield f"raw_hubspot.{name}", self.company.tables[f"hubspot.{name}"]


def test_raw_is_what_the_systems_hold_every_day(tmp_path: Path) -> None:
    how: dict[str, int] = {}
    reread = refreshed = 0
    with running(people=PEOPLE, seed=SEED) as sandbox:
        diary = Diary(tmp_path, sandbox)
        for day in range(1, DAYS + 1):
            if day > 1:
                diary.company.advance()
                sandbox.advance()
            results = diary.live()
            open_ = {
                item.object: (item.source_count, item.landed_count, item) for item in results if item.proof != "proven"
            }
            assert open_ == {}, f"day {day}"
            assert diary.differences() == {}, f"day {day}"
            reread += sum(item.reread_windows for item in results)
            refreshed += sum(item.rows_refreshed for item in results)
        with diary.open() as warehouse:
            for table, _ in diary.tables():
                for row in warehouse.rows(f"select _deleted_how as how, count(*) as n from {table} group by 1"):
                    how[str(row["how"])] = how.get(str(row["how"]), 0) + int(str(row["n"]))
            late = warehouse.query("select sum(late_rows) from ops.extract_runs").column(0)[0].as_py()
    # Thirty days without these would prove nothing.
    assert how["flagged"] > 20
    assert how["swept"] > 5
    assert how["merged"] > 2
    assert refreshed > 20
    assert late > 5
