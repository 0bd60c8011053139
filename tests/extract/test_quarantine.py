"""Rows that cannot be landed go to quarantine, their batch flows, and a replay lands them once the cause is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from extract.pipeline import ObjectResult, run
from extract.quarantine import dismiss, listed
from extract.reconcile import reconcile
from extract.replay import replay
from extract.source import ObjectInfo, Source
from extract.sources.hubspot import HubSpot
from extract.sources.salesforce import Salesforce, settings
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)


class Misdescribed(Salesforce):
    """An org that calls Industry a date and sends what it likes."""

    def describe(self, name: str) -> ObjectInfo:
        return retyped(super().describe(name), "industry", pa.date32())


class MisdescribedHubSpot(HubSpot):
    """An account that calls the name of a company a number."""

    def describe(self, name: str) -> ObjectInfo:
        return retyped(super().describe(name), "name", pa.float64())


def retyped(info: ObjectInfo, column: str, kind: pa.DataType) -> ObjectInfo:
    """With ``column`` of another type, and read by sweeps as what moves no stamp."""
    place = info.schema.get_field_index(column)
    schema = info.schema.set(place, pa.field(column, kind))
    return replace(info, schema=schema, unstamped=info.unstamped | {column})


class Place:
    """A warehouse beside a sandbox whose records a test may spoil."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.folder, self.sandbox = folder, sandbox

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def extract(self, kind: type[Source], name: str) -> ObjectResult:
        source = kind.from_environment(self.sandbox.environment())
        (result,) = run(source, [name], self.open, spool_root=self.folder / "spool")
        source.close()
        return result

    def replay(self, kind: type[Source]) -> int:
        source = kind.from_environment(self.sandbox.environment())
        with self.open() as warehouse:
            rows = listed(warehouse, source=source.name)
        settled = replay(source, rows, self.open, spool_root=self.folder / "spool")
        source.close()
        return settled

    def query(self, sql: str) -> list[dict[str, object]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(people=40, seed=2) as sandbox:
        yield Place(tmp_path, sandbox)


@pytest.mark.parametrize("way", ["rest", "bulk"])
def test_a_value_of_another_type_keeps_one_row_out(place: Place, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "bulk":
        monkeypatch.setattr(settings, "REST_ROWS", 0)
    place.sandbox.sql("update salesforce.Account set Industry = '2026-01-31'")
    victim = "(select min(Id) from salesforce.Account)"
    place.sandbox.sql(f"update salesforce.Account set Industry = 'not a date' where Id = {victim}")
    result = place.extract(Misdescribed, "account")
    monkeypatch.undo()
    assert (result.error, result.rows_quarantined, result.proof) == (None, 1, "proven")
    assert result.rows_inserted == (result.source_count or 0) - 1 > 0
    (kept,) = place.query("select * from ops.quarantine")
    assert str(kept["rule"]).lower() == "type:industry"
    assert kept["status"] == "open"
    assert "not a date" in json.dumps(json.loads(str(kept["payload"])))
    assert "not a date" not in f"{kept['reason']} {kept['position']}"
    assert place.query(f"select id from raw_salesforce.account where id = '{kept['record_key']}'") == []
    # Read again it is as bad as it was, and the same row, whatever way it came.
    assert place.replay(Misdescribed) == 0
    assert len(place.query("select 1 as one from ops.quarantine where status = 'open'")) == 1
    source = Misdescribed.from_environment(place.sandbox.environment())
    (checked,) = reconcile(source, ["account"], place.open, sweep=False, spool_root=place.folder / "spool")
    source.close()
    assert checked.proof == "proven", "a row in quarantine is accounted for"
    place.sandbox.sql(f"update salesforce.Account set Industry = '2026-02-01' where Id = '{kept['record_key']}'")
    assert place.replay(Misdescribed) == 1
    landed = place.query(f"select industry from raw_salesforce.account where id = '{kept['record_key']}'")
    assert landed == [{"industry": date(2026, 2, 1)}]
    settled = place.query("select status, settled_at is null as unsettled from ops.quarantine where status <> 'open'")
    assert settled[:1] == [{"status": "replayed", "unsettled": False}]


@pytest.mark.parametrize("way", ["rest", "bulk", "hubspot"])
def test_a_sweep_spares_the_row_whose_value_it_cannot_read(
    place: Place, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "bulk":
        monkeypatch.setattr(settings, "REST_ROWS", 0)
    kind: type[Source] = Misdescribed
    name, raw, held, column = "account", "raw_salesforce.account", "salesforce.Account", "Industry"
    good, better = "2026-01-31", "2026-02-01"
    if way == "hubspot":
        kind = MisdescribedHubSpot
        name, raw, held, column = "companies", "raw_hubspot.companies", "hubspot.companies", "name"
        good, better = "12.0", "13.0"
    place.sandbox.sql(f"update {held} set {column} = '{good}'")
    assert place.extract(kind, name).rows_quarantined == 0
    living = place.query(f"select id from {raw} where not _is_deleted order by id")
    bad, other, gone = (row["id"] for row in living[:3])
    # No stamp moves: only a sweep sees it.
    place.sandbox.sql(f"update {held} set {column} = 'neither' where id = '{bad}'")
    place.sandbox.sql(f"update {held} set {column} = '{better}' where id = '{other}'")
    place.sandbox.sql(f"delete from {held} where id = '{gone}'")
    source = kind.from_environment(place.sandbox.environment())
    (swept,) = reconcile(source, [name], place.open, spool_root=place.folder / "spool")
    source.close()
    assert (swept.error, swept.rows_marked, swept.rows_refreshed, swept.proof) == (None, 1, 1, "proven")
    stored = place.query(f"select id, cast({column} as varchar) as value, _deleted_how from {raw}")
    assert {"id": bad, "value": good, "_deleted_how": None} in stored
    assert {"id": other, "value": better, "_deleted_how": None} in stored
    assert {"id": gone, "value": good, "_deleted_how": "swept"} in stored


def test_a_hubspot_record_that_is_not_as_its_properties_say(place: Place) -> None:
    place.sandbox.sql("update hubspot.companies set name = '12'")
    place.sandbox.sql("update hubspot.companies set name = 'many' where id = (select min(id) from hubspot.companies)")
    result = place.extract(MisdescribedHubSpot, "companies")
    assert (result.error, result.rows_quarantined, result.proof) == (None, 1, "proven")
    (kept,) = place.query("select rule, record_key from ops.quarantine")
    assert kept["rule"] == "type:name"
    place.sandbox.sql(f"update hubspot.companies set name = '7' where id = '{kept['record_key']}'")
    assert place.replay(MisdescribedHubSpot) == 1
    assert place.query(f"select name from raw_hubspot.companies where id = '{kept['record_key']}'") == [{"name": 7.0}]


def test_a_dismissed_row_stays_with_its_reason(place: Place) -> None:
    place.sandbox.sql("update salesforce.Account set Industry = 'x'")
    place.extract(Misdescribed, "account")
    with place.open() as warehouse:
        first, *others = listed(warehouse, source="salesforce", name="account")
        dismiss(warehouse, first.quarantine_id, "a test record", first.quarantined_at)
        assert [row.quarantine_id for row in listed(warehouse)] == [row.quarantine_id for row in others]
        (dismissed,) = listed(warehouse, status="dismissed")
    assert dismissed.reason.endswith("Dismissed: a test record")
