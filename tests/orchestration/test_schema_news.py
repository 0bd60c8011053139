"""Schema changes reach a real receiver, each once, whatever is restarted, refused or held meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from contracts import schema_changes
from contracts.schema_changes import CHANGES, Rule, Rules
from extract.books import SCHEMA_CHANGES, ensure_books
from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.defs.proof.sensors import tell_when_schema_changes
from tests.orchestration.receivers import Webhook
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)
NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def books(workshop: Path) -> Path:
    with DuckDBWarehouse.open(workshop / "braid.duckdb") as warehouse:
        ensure_books(warehouse)
    return workshop / "braid.duckdb"


def note(books: Path, column: str | None, change: str, run_id: str = "run-1", at: datetime = NOW, **more: str) -> None:
    values = {"source": "salesforce", "object": "contact", "old_type": None, "new_type": None, **more}
    row = {**values, "column_name": column, "change": change, "run_id": run_id, "noticed_at": at}
    with duckdb.connect(books) as connection:
        connection.execute(
            f"insert into {SCHEMA_CHANGES} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values())
        )


def look(cursor: str | None) -> tuple[str | None, str]:
    context = dg.build_sensor_context(cursor=cursor)
    found = tell_when_schema_changes(context)
    assert isinstance(found, dg.SkipReason)
    return context.cursor, str(found.skip_message)


def test_one_message_for_each_object_and_run_says_what_happened_and_what_to_do(books: Path, hook: Webhook) -> None:
    note(books, None, "table_created")
    note(books, "email", "type_changed", old_type="string", new_type="int64")
    note(books, "fax", "column_removed", old_type="string")
    note(books, "fax", "column_added", "run-2", NOW + HOUR, new_type="string")
    note(books, "tier", "column_added", new_type="double", object="account")
    look(None)
    assert [(body["kind"], body["title"]) for body in hook.received] == [
        ("schema_change", "salesforce account: 1 column changed"),
        ("schema_change", "salesforce contact: 2 columns changed"),
        ("schema_change", "salesforce contact: 1 column changed"),
    ]
    email, fax, last = hook.received[1]["details"]
    assert email.startswith("email changed its type from string to int64; builds warn until it is accepted. Values")
    assert fax.startswith("fax removed (string); builds warn until it is accepted. Raw keeps its last values")
    assert last == (
        f"Noticed {NOW:%Y-%m-%d %H:%M} UTC by extraction run-1."
        " To accept a change, say so in contracts/schema_changes.yml."
    )
    assert hook.received[0]["details"][0].startswith("tier added (double); ")


def test_a_change_is_told_once_also_after_a_restart_and_when_it_was_committed_late(books: Path, hook: Webhook) -> None:
    note(books, "fax", "column_removed")
    cursor, says = look(None)
    assert says == "1 told."
    # A restart keeps nothing but the cursor's text.
    cursor, says = look(json.loads(json.dumps(cursor)))
    assert says == "No column has changed."
    note(books, "tier", "column_added", "slow", NOW - HOUR)
    cursor, _ = look(cursor)
    look(cursor)
    assert [body["details"][0].split()[0] for body in hook.received] == ["fax", "tier"]


def test_the_same_change_in_a_later_run_is_news(books: Path, hook: Webhook) -> None:
    note(books, "fax", "column_removed")
    cursor, _ = look(None)
    note(books, "fax", "column_removed", "run-2", NOW + HOUR)
    look(cursor)
    assert len(hook.received) == 2


def test_what_is_told_is_forgotten_when_no_look_sees_it_again(books: Path, hook: Webhook) -> None:
    for day in range(40):
        note(books, "fax", "column_removed", f"run-{day}", NOW + timedelta(days=day))
    cursor, says = look(None)
    assert says == "40 told."
    assert len(json.loads(cursor or "")["told"]) <= 3
    assert look(cursor)[1] == "No column has changed."


def test_a_first_look_tells_a_week_and_forgets_nothing_from_then_on(books: Path, hook: Webhook) -> None:
    note(books, "old", "column_removed", "before", NOW - timedelta(days=8))
    cursor, says = look(None)
    assert says == "No column has changed."
    note(books, "new", "column_removed", "after", NOW - timedelta(days=6))
    look(cursor)
    assert [body["details"][0].split()[0] for body in hook.received] == ["new"]


def test_an_alert_that_could_not_be_sent_is_sent_at_the_next_look_and_the_others_are_not_sent_again(
    books: Path, hook: Webhook
) -> None:
    note(books, "fax", "column_removed", "run-1", NOW)
    note(books, "fax", "column_added", "run-2", NOW + HOUR)
    hook.answers = [200, 404]
    cursor, says = look(None)
    assert says.startswith("1 told, the rest at the next tick: The alert webhook does not take alerts (status 404)")
    hook.answers = [404]
    with pytest.raises(Exception, match="status 404"):
        look(cursor)
    look(cursor)
    assert [body["details"][0].split()[1] for body in hook.received] == ["removed;", "added;"]


def test_a_secret_in_a_name_is_hidden(books: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "hs-token-123456")
    note(books, "hs-token-123456", "column_added")
    look(None)
    assert "hs-token-123456" not in json.dumps(hook.received)
    assert "[hidden] added" in hook.received[0]["text"]


def test_the_message_says_what_the_contract_says(books: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = Rule("*", "*", "*", CHANGES, "ignore")
    found = Rules((Rule("salesforce", "*", "fax", CHANGES, "fatal"), rest))
    monkeypatch.setattr(schema_changes, "read", lambda: found)
    note(books, "fax", "column_removed")
    note(books, "tier", "column_added")
    look(None)
    fax, tier, _ = hook.received[0]["details"]
    assert "fatal: builds fail until it is accepted" in fax
    assert "builds pass it over" in tier


def test_a_build_that_has_the_warehouse_is_not_disturbed(books: Path, hook: Webhook) -> None:
    note(books, "fax", "column_removed")
    hold = (
        "import sys, time; from pathlib import Path; from warehouse.lock import file_lock\n"
        "with file_lock(Path(sys.argv[1]), command='braid build'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", hold, str(books)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        cursor, says = look(None)
        assert "held by `braid build`" in says
        assert hook.received == []
    finally:
        child.communicate(timeout=30)
    assert cursor is None
    look(cursor)
    assert len(hook.received) == 1


def test_without_a_warehouse_or_anybody_to_tell_nothing_is_made(workshop: Path, hook: Webhook) -> None:
    assert look(None) == (None, "There is no warehouse yet.")
    assert not list(workshop.glob("braid.duckdb*"))


def test_nobody_configured_is_said(books: Path) -> None:
    note(books, "fax", "column_removed")
    cursor, says = look(None)
    assert cursor is None
    assert "BRAID_ALERT_WEBHOOK" in says


def test_dagster_knows_the_sensor_and_runs_it_from_the_start() -> None:
    sensor = defs.resolve_sensor_def("tell_when_schema_changes")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def landed(books: Path) -> None:
    with duckdb.connect(books) as connection:
        connection.execute(
            "insert into ops.extract_runs (run_id, source, object, status, looked_at, finished_at)"
            " values ('run-1', 'salesforce', 'contact', 'succeeded', now()::timestamp, now()::timestamp)"
        )


def test_status_names_recent_changes_until_they_are_accepted(
    books: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    landed(books)
    note(books, "ancient", "column_removed", "run-0", NOW - timedelta(days=31))
    note(books, "email", "type_changed", old_type="string", new_type="int64")
    note(books, "fax", "column_removed", old_type="string")
    rules = [Rule("*", "*", "fax", CHANGES, "fatal"), Rule("*", "*", "*", CHANGES, "warn")]
    monkeypatch.setattr(schema_changes, "read", lambda: Rules(tuple(rules)))
    assert run(["status"]) == 0
    assert (
        "salesforce contact: fax removed (string), fatal; email changed its type from string to int64;"
        " once seen to, accept it in contracts/schema_changes.yml.\n"
    ) in capsys.readouterr().out
    assert run(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["schema_changes"]
    assert [(item["column"], item["severity"]) for item in found] == [("email", "warn"), ("fax", "fatal")]

    rules[1] = Rule("*", "*", "*", CHANGES, "ignore")
    accepted = schema_changes.Acceptance("*", NOW.date())
    rules[0] = Rule("*", "*", "fax", CHANGES, "fatal", (accepted,))
    assert run(["status"]) == 0
    assert "accept it" not in capsys.readouterr().out


def test_status_names_three_changes_of_an_object_and_counts_the_rest(
    books: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    landed(books)
    for column in ("a", "b", "c", "d", "e"):
        note(books, column, "column_removed")
    assert run(["status"]) == 0
    assert "a removed; b removed; c removed; and 2 more; once" in capsys.readouterr().out
