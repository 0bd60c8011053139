"""Salesforce from HTTP to raw tables in DuckDB: equal to what the company holds, whatever lies the server tells."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from extract.naming import snake_case
from extract.pipeline import ObjectResult, run
from extract.sources.salesforce import Salesforce, settings
from extract.sources.salesforce.objects import API_NAMES
from sandbox.company import Company
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(180)

PEOPLE = 150
ROOT = Path(__file__).parents[2]
Rows = dict[str, dict[str, Any]]


class Raw:
    """A warehouse of its own, and Salesforce extracted into it."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.file = folder / "w.duckdb"
        self.spool = folder / "spool"
        self.sandbox = sandbox

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.file, settings={"threads": 2})

    def extract(self, *objects: str, full: bool = False, **settings: Any) -> dict[str, ObjectResult]:
        env = self.sandbox.environment() | settings
        source = Salesforce(
            env["SALESFORCE_URL"],
            env["SALESFORCE_CLIENT_ID"],
            env["SALESFORCE_CLIENT_SECRET"],
            sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
        )
        try:
            results = run(source, objects, self.open, full=full, spool_root=self.spool)
        finally:
            source.close()
        assert not list(self.spool.glob("*")), "a spool is left behind"
        return {result.object: result for result in results}

    def query(self, sql: str) -> list[dict[str, Any]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))

    def rows(self, name: str) -> Rows:
        """Rows by id as the source's columns."""
        found = {row["id"]: row for row in self.query(f"select * from raw_salesforce.{name}")}
        for row in found.values():
            assert row.pop("_is_deleted") == row.get("is_deleted", False)
            assert row.pop("_run_id")
            assert row.pop("_extracted_at")
            row.pop("_deleted_at"), row.pop("_deleted_how"), row.pop("_quarantined_at")
        return found

    def watermark(self, name: str) -> Any:
        return self.query(f"select max(complete_to) as mark from ops.extract_runs where object = '{name}'")


def held(company: Company, name: str) -> Rows:
    """What the company itself holds; blank text is no text."""
    rows = company.tables[f"salesforce.{API_NAMES[name]}"].to_pylist()
    plain = [{snake_case(k): None if v == "" else v for k, v in row.items()} for row in rows]
    assert plain, "an empty company proves nothing"
    return {row["id"]: row for row in plain}


def struck(sandbox: Running) -> int:
    """How often the faults that are on have struck."""
    return sum(fault["struck"] for fault in requests.get(f"{sandbox.url}/_sandbox/faults", timeout=10).json())


def failed(results: dict[str, ObjectResult]) -> dict[str, str | None]:
    return {name: result.error for name, result in results.items() if result.error}


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running(people=PEOPLE) as sandbox:
        yield sandbox


@pytest.fixture
def raw(shared: Running, tmp_path: Path) -> Iterator[Raw]:
    """A warehouse beside a sandbox that stays on its first day."""
    shared.faults()
    yield Raw(tmp_path, shared)
    shared.faults()


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Raw]:
    """A warehouse beside a sandbox of its own."""
    with running(people=PEOPLE) as sandbox:
        yield Raw(tmp_path, sandbox)


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=1, people=PEOPLE)


@pytest.fixture
def in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REST_ROWS", 0)
    monkeypatch.setattr(settings, "JOB_SECONDS", 60.0)


# Days.


@pytest.mark.parametrize("way", ["rest", "bulk"])
def test_three_days_of_increments_are_what_the_company_holds(
    living: Raw, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "bulk":
        request.getfixturevalue("in_bulk")
    company = Company(seed=1, people=PEOPLE)
    gone: dict[str, set[str]] = {name: set() for name in API_NAMES}
    stamped: dict[tuple[str, str, Any], dict[str, Any]] = {}
    deleted = on_the_second = silent = 0
    for day in range(3):
        if day:
            before = {name: set(held(company, name)) for name in API_NAMES}
            company.advance()
            living.sandbox.advance()
            for name in API_NAMES:
                gone[name] |= before[name] - set(held(company, name))
        assert not failed(living.extract())
        for name in API_NAMES:
            rows, kept = living.rows(name), held(company, name)
            # A stamp of this very second belongs to the next window; a row read before keeps its old version till then.
            clock = company.clock.replace(tzinfo=None)
            for key in [key for key, row in kept.items() if row["system_modstamp"] >= clock]:
                on_the_second += 1
                del kept[key]
                rows.pop(key, None)
            # What is erased without a trace stays until a full load.
            assert set(rows) - gone[name] == set(kept)
            for key, row in kept.items():
                # What moves no stamp is not seen: a new field on old rows, children that follow a merge.
                version = stamped.setdefault((name, key, row["system_modstamp"]), row)
                silent += version != {column: row[column] for column in version}
                assert rows[key] == version | {k: rows[key][k] for k in rows[key].keys() - version.keys()}
            deleted += sum(bool(row.get("is_deleted")) for row in rows.values())
    assert deleted, "days without deletes prove nothing"
    assert any(gone.values()), "nor without hard ones"
    assert on_the_second < 10
    assert silent < 20
    calls = living.sandbox.calls()["salesforce"]
    assert ("bulk_create" in calls) == (way == "bulk")
    assert calls.get("bulk_delete") == calls.get("bulk_create")


@pytest.mark.timeout(120)
def test_a_load_from_bulk_pages_waits_for_no_pandas(raw: Raw, tmp_path: Path) -> None:
    """pyarrow loads it, if it is there, to make an array of Python values: a seventh of a second in every run."""
    code = """
        import sys
        from pathlib import Path
        from benchmarks.once import extract
        from extract.sources.salesforce import settings
        settings.REST_ROWS = 0
        print(extract(Path(sys.argv[1]))["rows"], "pandas" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "w.duckdb")],
        env={**os.environ, **raw.sandbox.environment()},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    rows, loaded = done.stdout.split()
    assert (int(rows) > 0, loaded) == (True, "False")


def test_without_the_overlap_late_commits_are_lost(living: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tooth of the test above: the sandbox does commit late, and the overlap is what catches it."""
    monkeypatch.setattr(settings, "OVERLAP", timedelta(0))
    company = Company(seed=1, people=PEOPLE, day=2)
    living.extract()
    living.sandbox.advance()
    living.extract()
    assert set(held(company, "contact")) - set(living.rows("contact"))


def test_nothing_new_lands_nothing_for_two_calls_an_object(raw: Raw) -> None:
    first = raw.extract()
    assert not failed(first)
    assert all(result.rows_landed == result.rows_read > 0 for result in first.values())
    second = raw.extract()
    assert {name: result.rows_landed for name, result in second.items()} == dict.fromkeys(API_NAMES, 0)
    # With what lies in the overlap out of the way: one describe, one count.
    quiet = [name for name, result in second.items() if result.rows_read == 0]
    raw.sandbox.calls(reset=True)
    assert all(result.rows_read == 0 for result in raw.extract(*quiet).values())
    calls = raw.sandbox.calls()["salesforce"]
    assert sum(calls.values()) == 2 * len(quiet) + 1, "and one to sign in"


def test_a_new_field_becomes_a_column_and_is_noted(living: Raw) -> None:
    living.extract("contact", "account")
    assert living.query("select distinct change, column_name from ops.schema_changes") == [
        {"change": "table_created", "column_name": None}
    ]
    living.sandbox.advance()
    results = living.extract("contact", "account")
    assert results["contact"].columns_added == ("segment_tier__c",)
    assert results["account"].columns_added == ()
    assert living.query(
        "select object, column_name, new_type from ops.schema_changes where change = 'column_added'"
    ) == [{"object": "contact", "column_name": "segment_tier__c", "new_type": "string"}]
    filled = living.query("select count(*) as n from raw_salesforce.contact where segment_tier__c is not null")
    assert filled[0]["n"] > 0


def test_a_full_load_marks_what_was_erased_and_fills_new_fields(living: Raw) -> None:
    living.extract("contact")
    company = Company(seed=1, people=PEOPLE, day=2)
    living.sandbox.advance()
    erased = min(key for key, row in held(company, "contact").items() if not row["is_deleted"])
    living.sandbox.sql(f"delete from salesforce.Contact where \"Id\" = '{erased}'")
    living.extract("contact")
    assert living.query(f"select _is_deleted from raw_salesforce.contact where id = '{erased}'") != [
        {"_is_deleted": True}
    ]
    full = living.extract("contact", full=True)["contact"]
    assert full.error is None
    assert full.rows_deleted >= 1
    rows = {row["id"]: row for row in living.query("select * from raw_salesforce.contact")}
    kept = held(company, "contact")
    assert rows[erased]["_is_deleted"] is True
    assert {key: row["segment_tier__c"] for key, row in rows.items() if key in kept and key != erased} == {
        key: row["segment_tier__c"] for key, row in kept.items() if key != erased
    }
    assert living.extract("contact", full=True)["contact"].rows_landed == 0


def test_a_permission_lost_marks_no_whole_table_deleted(living: Raw) -> None:
    living.extract("campaign")
    living.sandbox.sql("delete from salesforce.Campaign")
    error = living.extract("campaign", full=True)["campaign"].error
    assert error is not None
    assert "nothing was marked deleted" in error
    assert not living.query("select 1 from raw_salesforce.campaign where _is_deleted and not is_deleted")


def test_rows_on_one_second_at_the_edge_of_a_window_are_read_once_and_not_lost(living: Raw) -> None:
    """Half-open: a stamp equal to the window's end belongs to the next one."""
    now = "2026-01-05 06:00:00"
    living.sandbox.sql(f"update salesforce.Task set \"SystemModstamp\" = '{now}'")
    assert living.extract("task")["task"].rows_read == 0
    living.sandbox.faults({"name": "clock_skew", "seconds": 60})
    tied = living.extract("task")["task"].rows_inserted
    assert tied == len(held(Company(seed=1, people=PEOPLE), "task"))
    assert living.extract("task")["task"].rows_landed == 0


def test_columns_have_the_types_describe_gives(raw: Raw) -> None:
    raw.extract("opportunity", "account", "contact", "campaign_member")
    types = {
        (row["table_name"], row["column_name"]): row["data_type"]
        for row in raw.query(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'raw_salesforce'"
        )
    }
    assert types["opportunity", "amount"] == "DECIMAL(18,2)"
    assert types["opportunity", "probability"] == "DECIMAL(3,0)"
    assert types["opportunity", "close_date"] == "DATE"
    assert types["opportunity", "system_modstamp"] == "TIMESTAMP"
    assert types["account", "number_of_employees"] == "BIGINT"
    assert types["contact", "has_opted_out_of_email"] == "BOOLEAN"
    assert ("account", "billing_city") in types
    assert ("account", "billing_address") not in types
    assert isinstance(raw.query("select sum(amount) as n from raw_salesforce.opportunity")[0]["n"], Decimal)


# Lies that are survived: the rows are the company's all the same.

SHORT = {"name": "short_pages", "size": 40}
SURVIVED = {
    "rest": [
        [{"name": "short_pages", "size": 7}],
        [SHORT, {"name": "locator_expired"}],
        [SHORT, {"name": "same_page_twice"}],
        [SHORT, {"name": "reused_locator"}],
        [SHORT, {"name": "session_expired", "path": "/queryAll/01g"}],
        [{"name": "session_expired", "path": "describe"}],
        [{"name": "http_error", "status": 406, "body": "", "path": "queryAll"}],
        [{"name": "http_error", "status": 420, "body": "<html>", "path": "queryAll"}],
        [{"name": "http_error", "status": 503, "headers": {"Retry-After": "1"}, "path": "describe"}],
        [{"name": "http_error", "status": 500, "times": 4, "path": "queryAll"}],
        [{"name": "rate_limited", "policy": "CONCURRENT", "path": "queryAll"}],
        [{"name": "connection_dropped", "path": "queryAll"}],
        [{"name": "connection_dropped", "path": "oauth2"}],
        [{"name": "float_integers"}],
        [{"name": "gzip"}],
    ],
    "bulk": [
        [{"name": "short_pages", "size": 7}],
        [{"name": "missing_locator", "pages": "last"}],
        [{"name": "missing_record_count"}],
        [{"name": "wrong_record_count"}],
        [{"name": "truncated_csv"}],
        [{"name": "truncated_csv", "at_row": True}],
        [SHORT, {"name": "session_expired", "path": "results", "after": 1}],
        [{"name": "session_expired", "path": "jobs/query/750"}],
        [{"name": "session_expired", "path": "jobs/query", "method": "POST"}],
        [{"name": "connection_dropped", "path": "results"}],
        [{"name": "error_body_with_200", "path": "results"}],
        [{"name": "malformed_page", "how": "html", "path": "results"}],
        [{"name": "job_failed"}],
        [{"name": "job_failed", "message": "QUERY_TIMEOUT: took too long"}],
        [{"name": "slow_job", "polls": 9}],
        [{"name": "http_error", "status": 503, "body": "", "path": "results"}],
        [{"name": "float_integers"}],
        [{"name": "gzip"}],
    ],
}


def named(faults: list[dict[str, Any]]) -> str:
    words = [*faults[-1].values()]
    return " ".join(str(word) for word in words if not isinstance(word, dict))


@pytest.mark.parametrize(
    ("way", "faults"),
    [pytest.param(way, faults, id=f"{way}: {named(faults)}") for way, many in SURVIVED.items() for faults in many],
)
def test_a_fault_changes_no_row(
    raw: Raw, company: Company, way: str, faults: list[dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    if way == "bulk":
        request.getfixturevalue("in_bulk")
    raw.sandbox.faults(*({"system": "salesforce", **fault} for fault in faults))
    results = raw.extract("account", "contact")
    assert not failed(results)
    if faults[-1]["name"] not in ("missing_locator", "float_integers"):
        assert struck(raw.sandbox) >= len(faults), "a fault that did not strike proves nothing"
    for name in ("account", "contact"):
        assert raw.rows(name) == held(company, name)


@pytest.mark.usefixtures("in_bulk")
def test_what_bulk_refuses_goes_over_rest(raw: Raw, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from extract.sources.salesforce import rest

    read = rest.read

    def in_small_blocks(*call: Any) -> None:
        monkeypatch.setattr(settings, "REST_ROWS", 50)
        read(*call)

    monkeypatch.setattr(rest, "read", in_small_blocks)
    monkeypatch.setattr(settings, "REST_ROWS", 0)
    raw.sandbox.faults({"name": "job_rejected", "message": "Contact is not supported by the Bulk API"})
    result = raw.extract("contact")["contact"]
    assert result.error is None
    assert raw.rows("contact") == held(company, "contact")
    calls = raw.sandbox.calls()["salesforce"]
    assert calls.get("queryAll", 0) > 2, "in several blocks"


def test_field_lists_too_long_for_a_url_are_read_in_parts(
    raw: Raw, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REST_QUERY_BYTES", 750)
    raw.sandbox.faults({"name": "short_pages", "size": 40})
    raw.sandbox.calls(reset=True)
    assert raw.extract("contact")["contact"].error is None
    assert raw.rows("contact") == held(company, "contact")
    assert raw.sandbox.calls()["salesforce"]["queryAll"] >= 4, "a count and at least three parts"


@pytest.mark.parametrize("fate", ["edited", "erased"])
def test_rows_that_change_between_two_parts_are_read_again(
    living: Raw, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    from extract.sources.salesforce import rest

    monkeypatch.setattr(settings, "REST_QUERY_BYTES", 750)
    victim = min(held(Company(seed=1, people=PEOPLE), "contact"))
    change = {
        "edited": "update salesforce.Contact set \"FirstName\" = 'Changed', \"Title\" = 'Changed',"
        " \"SystemModstamp\" = '2026-01-05 05:59:59'",
        "erased": "delete from salesforce.Contact",
    }[fate]
    rows = rest._rows
    asked: list[str] = []

    def and_meanwhile(client: Any, info: Any, query: str) -> Any:
        asked.append(query)
        if len(asked) == 2:
            living.sandbox.sql(f"{change} where \"Id\" = '{victim}'")
        return rows(client, info, query)

    monkeypatch.setattr(rest, "_rows", and_meanwhile)
    assert living.extract("contact")["contact"].error is None
    read = living.rows("contact")
    expected = held(Company(seed=1, people=PEOPLE), "contact")
    if fate == "erased":
        del expected[victim]
        assert read == expected
    else:
        assert (read[victim]["first_name"], read[victim]["title"]) == ("Changed", "Changed")
        assert read.keys() == expected.keys()


# Lies and failures that are told in one sentence, and change nothing.

ALWAYS = {"times": None}
TOLD = [
    ("rest", {"name": "http_error", "status": 500, "path": "queryAll", **ALWAYS}, "answering 500 (UNKNOWN_EXC"),
    ("rest", {"name": "http_error", "status": 403, "path": "describe", **ALWAYS}, "shows this user no Contact"),
    ("rest", {"name": "rate_limited", "policy": "DAILY", "path": "queryAll", **ALWAYS}, "no calls left for us"),
    ("rest", {"name": "rate_limited", "policy": "CONCURRENT", "path": "queryAll", **ALWAYS}, "no calls left for us"),
    ("rest", {"name": "malformed_page", "path": "queryAll", **ALWAYS}, "not JSON"),
    ("rest", {"name": "malformed_page", "how": "html", "path": "queryAll", **ALWAYS}, "not JSON"),
    ("rest", {"name": "error_body_with_200", "path": "queryAll", **ALWAYS}, "UNKNOWN_EXCEPTION"),
    ("rest", {"name": "connection_dropped", "path": "queryAll", **ALWAYS}, "breaks off"),
    ("rest", {"name": "session_expired", "path": "queryAll", **ALWAYS}, "refuses the session it has just given"),
    ("bulk", {"name": "malformed_page", "path": "results", **ALWAYS}, "Bulk page of contact that"),
    ("bulk", {"name": "malformed_page", "how": "html", "path": "results", **ALWAYS}, "other columns than"),
    ("bulk", {"name": "malformed_page", "how": "empty", "path": "results", **ALWAYS}, "has no header"),
    ("bulk", {"name": "truncated_csv", **ALWAYS}, "Bulk page of contact that"),
    ("bulk", {"name": "truncated_csv", "at_row": True, **ALWAYS}, "announces"),
    ("bulk", {"name": "wrong_record_count", **ALWAYS}, "announces"),
    ("bulk", {"name": "connection_dropped", "path": "results", **ALWAYS}, "breaks off"),
    ("bulk", {"name": "job_failed", "message": "Retried more than 15 times", **ALWAYS}, "Retried more than 15 times"),
    ("bulk", {"name": "job_aborted"}, "Somebody stopped the Bulk job"),
    ("bulk", {"name": "job_stuck"}, "has not finished a Bulk job"),
]  # fmt: skip
PAGED = [
    ({"name": "reused_locator", **ALWAYS}, "leads us in a circle"),
    ({"name": "missing_locator", "pages": "all"}, "announces"),
    ({"name": "truncated_csv", "at_row": True, "keep": 0.9, "after": 1, **ALWAYS}, "announces"),
]


def changes_nothing(raw: Raw, words: str, faults: list[dict[str, Any]]) -> None:
    raw.extract("contact", "user")
    mark, rows = raw.watermark("contact"), raw.query("select * from raw_salesforce.contact order by id")
    raw.sandbox.faults(*({"system": "salesforce", **fault} for fault in faults))
    results = raw.extract("contact", full=True)
    assert struck(raw.sandbox) or faults[-1]["name"] == "missing_locator"
    error = results["contact"].error
    assert error is not None
    assert words in error
    assert error.endswith(".")
    assert "\n" not in error
    assert "sandbox-secret" not in error
    assert "00D5g" not in error
    assert raw.watermark("contact") == mark
    assert raw.query("select * from raw_salesforce.contact order by id") == rows
    assert [row["error"] for row in raw.query("select error from ops.extract_runs where status = 'failed'")] == [error]
    raw.sandbox.faults()
    assert raw.extract("contact")["contact"].error is None


@pytest.mark.parametrize(("way", "fault", "words"), TOLD, ids=[f"{way}: {named([fault])}" for way, fault, _ in TOLD])
def test_a_failure_is_one_sentence_and_changes_nothing(
    raw: Raw, way: str, fault: dict[str, Any], words: str, request: pytest.FixtureRequest
) -> None:
    if way == "bulk":
        request.getfixturevalue("in_bulk")
    changes_nothing(raw, words, [fault])


@pytest.mark.usefixtures("in_bulk")
@pytest.mark.parametrize(("fault", "words"), PAGED, ids=[named([fault]) for fault, _ in PAGED])
def test_pages_that_do_not_add_up_change_nothing(raw: Raw, fault: dict[str, Any], words: str) -> None:
    changes_nothing(raw, words, [SHORT, fault])


def test_a_failing_object_stops_no_other(raw: Raw) -> None:
    raw.sandbox.faults({"name": "http_error", "status": 500, "path": "Contact/describe", "times": None})
    results = raw.extract("account", "contact", "lead")
    assert list(failed(results)) == ["contact"]
    assert results["contact"].permanent is False
    assert raw.rows("lead")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"SALESFORCE_CLIENT_ID": "nobody"}, "refuses these credentials (invalid_client_id"),
        ({"SALESFORCE_CLIENT_SECRET": "hunter2-wrong"}, "refuses these credentials (invalid_client:"),
        ({"SALESFORCE_URL": "http://127.0.0.1:{free}"}, "Salesforce at http://127.0.0.1:{free} cannot be reached"),
    ],
    ids=["wrong id", "wrong secret", "unreachable host"],
)
def test_what_is_wrong_with_the_settings_is_said_before_any_work(raw: Raw, setting: dict[str, str], words: str) -> None:
    from extract.source import SourceError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = str(taken.getsockname()[1])
    with pytest.raises(SourceError) as caught:
        raw.extract(**{name: value.replace("{free}", free) for name, value in setting.items()})
    assert words.replace("{free}", free) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not raw.file.exists()


# Kills.

LOAD = """
    import os, signal, sys
    from pathlib import Path
    from extract.pipeline import run
    from extract.sources.salesforce import Salesforce
    from warehouse.duckdb import DuckDBWarehouse

    folder, when = Path(sys.argv[1]), int(sys.argv[2])
    seen = 0

    def count(statement):
        global seen
        seen += 1
        if seen == when:
            os.kill(os.getpid(), signal.SIGKILL)

    def opened():
        warehouse = DuckDBWarehouse.open(folder / "w.duckdb", settings={"threads": 2})
        warehouse.on_statement = count
        return warehouse

    results = run(Salesforce.from_environment(os.environ), ["contact"], opened, spool_root=folder / "spool")
    print(seen, results[0].error)
"""


def test_a_kill_at_any_statement_of_a_landing_leaves_everything_or_nothing(living: Raw, tmp_path: Path) -> None:
    def load(when: int) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(LOAD), str(tmp_path), str(when)],
            env=os.environ | living.sandbox.environment() | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout.strip()

    rows = "select * exclude (_run_id, _extracted_at, _deleted_at) from raw_salesforce.contact order by id"

    def plain(state: Any) -> Any:
        """Without the column that comes early, and is filled in old rows after the landing."""
        return [{k: v for k, v in row.items() if k != "segment_tier__c"} for row in state[0]], state[1]

    living.extract("contact")
    living.sandbox.advance()
    before = tmp_path / "before.duckdb"
    before.write_bytes(living.file.read_bytes())
    code, words = load(0)
    assert code == 0
    statements = int(words.split()[0])
    after = (living.query(rows), living.watermark("contact"))
    books = living.query("select count(*) as n from ops.extract_windows")
    assert statements > 12
    whole: set[bool] = set()
    for when in range(statements, 3, -max(1, statements // 10)):
        living.file.write_bytes(before.read_bytes())
        start = (living.query(rows), living.watermark("contact"))
        code, _ = load(when)
        assert code == -signal.SIGKILL
        assert list((tmp_path / "spool").glob("*")) or when < statements / 2
        left = (living.query(rows), living.watermark("contact"))
        whole.add(plain(left) == plain(after))
        assert plain(left) in (plain(start), plain(after)), f"statement {when}"
        assert load(0)[0] == 0
        assert (living.query(rows), living.watermark("contact")) == after
        assert living.query("select count(*) as n from ops.extract_windows") == books
        assert not list((tmp_path / "spool").glob("*")), "what the killed run left is swept by the next"
    assert whole == {True, False}, "some kills before the commit, some after"
