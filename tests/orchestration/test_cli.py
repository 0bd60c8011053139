"""The `braid` command from outside: what it prints where, how it exits, and how little it loads to say hello."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.cli import cli, run
from sandbox.server import Running

HEAVY = ("dagster", "dagster_dbt", "dbt", "duckdb", "great_expectations", "pandas", "pyarrow", "simple_salesforce")
pytestmark = pytest.mark.timeout(120)


def braid(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, **env},
    )


def test_saying_hello_loads_nothing_heavy() -> None:
    code = (
        "import sys; from orchestration.cli import run; code = run(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def commands() -> Iterator[list[str]]:
    for name, command in cli.commands.items():
        yield [name]
        for inner in getattr(command, "commands", {}):
            yield [name, inner]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_teaches_by_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"Examples?:\n +braid " + " ".join(words), shown), shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["extract"], "Missing argument 'SOURCE'"),
        (["fly"], "No such command 'fly'"),
        (["extract", "nowhere"], "There is no source called 'nowhere'; there are salesforce"),
        (["extract", "hubspot"], "HUBSPOT_ACCESS_TOKEN"),
        (["extract", "salesforce"], "SALESFORCE_"),
        (["extract", "segment"], "SEGMENT_ARCHIVE_URL"),
        (["extract", "files"], "BRAID_FILES"),
        (["extract", "sql"], "BRAID_SQL"),
        (["status", "--target", "nope"], "has no target 'nope'"),
        (["status", "--target", "snowflake"], "SNOWFLAKE_ACCOUNT"),
        (["build", "--target", "nope"], "has no target 'nope'"),
        (["demo", "--people", "many"], "'many' is not a valid integer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_setting_or_argument_is_one_sentence_and_exit_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("braid: ")
    assert len(err.splitlines()) == 1
    assert says in err


def test_a_missing_profile_is_one_sentence(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workshop / "profiles.yml").unlink()
    assert run(["status"]) == 2
    assert "copy profiles.yml.example" in capsys.readouterr().err


def test_status_before_anything_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 1
    assert "start with `braid extract SOURCE`" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file/w.duckdb", "folder"], ids=["below a file", "a folder"])
@pytest.mark.parametrize(
    "words",
    [["extract", "files", "orders"], ["build"], ["quarantine", "list"]],
    ids=lambda words: words[0],
)
def test_a_warehouse_that_cannot_be_written_is_one_sentence(
    workshop: Path,
    words: list[str],
    place: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (workshop / "file").touch()
    (workshop / "folder").mkdir()
    (workshop / "orders.csv").write_text("nr,at,total\n1,2026-01-02 10:00:00,5.00\n")
    (workshop / "files.yml").write_text(
        "datasets: [{name: shop, contract: orders, path: orders.csv,"
        " columns: {order_id: nr, line_id: {value: '1'}, ordered_at: at, amount: total}}]"
    )
    monkeypatch.setenv("BRAID_DUCKDB", str(workshop / place))
    assert run(words) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert len(err.splitlines()) == 1
    assert f"{place} cannot be written" in err
    assert "give BRAID_DUCKDB" in err


def test_wrong_credentials_are_one_sentence_and_leave_no_warehouse(
    company: Running, workshop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT_URL", company.url)
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "wrong-token-1234")
    assert run(["extract", "hubspot"]) == 1
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert "HUBSPOT_ACCESS_TOKEN" in err
    assert "wrong-token-1234" not in out + err
    assert not (workshop / "braid.duckdb").exists()


def test_an_unreachable_host_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "a-token-1234")
    assert run(["extract", "hubspot", "owners"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "127.0.0.1:9" in err


def test_a_surprise_shows_a_traceback_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def surprise(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("warehouse.profile.load_target", surprise)
    assert run(["status"]) == 1
    err = capsys.readouterr().err
    assert err.splitlines() == ["braid: KeyError: 'x' (this should not happen; BRAID_DEBUG=1 shows where)."]
    monkeypatch.setenv("BRAID_DEBUG", "1")
    with pytest.raises(KeyError):
        run(["status"])


def test_an_extraction_lands_once_and_status_shows_it(
    company: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    assert run(["extract", "hubspot", "contacts", "owners", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert [item["object"] for item in first["objects"]] == ["contacts", "owners"]
    assert all(item["rows_landed"] > 0 and item["error"] is None for item in first["objects"])
    assert run(["extract", "hubspot", "contacts", "owners"]) == 0
    again = capsys.readouterr()
    assert again.err == ""
    landed = {line.split()[0]: line.split()[2:5] for line in again.out.splitlines()[2:]}
    assert landed == {"contacts": ["0", "0", "0"], "owners": ["0", "0", "0"]}

    assert run(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["read_from"] == "braid.duckdb"
    assert status["copy_age_seconds"] is None
    rows = {item["object"]: item["rows"] for item in status["objects"]}
    assert rows["owners"] == first["objects"][1]["rows_landed"]
    assert run(["publish"]) == 0
    assert capsys.readouterr().out.strip().endswith("braid_serving.duckdb")
    assert run(["status"]) == 0
    assert "As of the serving copy made 0 s ago" in capsys.readouterr().out


def test_a_failing_object_fails_the_command_and_the_others_land(
    company: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    company.faults({"name": "malformed_page", "system": "hubspot", "path": "/crm/v3/objects/deals", "times": 99})
    try:
        assert run(["extract", "hubspot", "deals", "owners"]) == 1
    finally:
        company.faults()
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["owners"]
    assert re.fullmatch(r"braid: hubspot deals: .+\n", err)


@contextmanager
def holder(database: Path, command: str) -> Iterator[None]:
    """Another process that has the warehouse's lock and its file."""
    code = (
        "import sys, duckdb; from pathlib import Path; from warehouse.lock import file_lock\n"
        f"with file_lock(Path({str(database)!r}), command={command!r}):\n"
        f"    connection = duckdb.connect({str(database)!r})\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "held\n"
        yield
    finally:
        child.stdin.close()
        child.wait(20)


def test_two_extractions_at_once_queue_and_say_so(company: Running, workshop: Path) -> None:
    database = workshop / "braid.duckdb"
    with holder(database, "braid extract salesforce"):
        child = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "extract", "hubspot", "owners"],
            env={**os.environ, **company.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        said = child.stderr.readline()
        assert re.match(
            r"braid: Waiting for braid\.duckdb: held by `braid extract salesforce` \(pid \d+\) since ", said
        )
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "owners" in out


def test_status_while_a_build_has_the_warehouse(
    company: Running, workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    assert run(["extract", "hubspot", "owners"]) == 0
    capsys.readouterr()
    with holder(workshop / "braid.duckdb", "braid build"):
        assert run(["status"]) == 1
        assert "held by `braid build`" in capsys.readouterr().err
    assert run(["publish"]) == 0
    capsys.readouterr()
    with holder(workshop / "braid.duckdb", "braid build"):
        assert run(["status"]) == 0
        assert "owners" in capsys.readouterr().out


def interrupted(child: subprocess.Popen[str], ready: Callable[[], bool]) -> tuple[int, str]:
    deadline = time.monotonic() + 60
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    return child.returncode, err


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A shell starts background jobs with Ctrl-C ignored, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_says_what_state_things_are_in(company: Running, workshop: Path) -> None:
    company.faults({"name": "slow", "system": "hubspot", "seconds": 30, "path": "/crm/v3/objects/contacts", "times": 9})
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "extract", "hubspot"],
            env={**os.environ, **company.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        code, err = interrupted(child, lambda: (workshop / "braid.duckdb").exists())
    finally:
        company.faults()
    assert code == 130
    assert re.fullmatch(r"braid: Stopped.*nothing is half-written.*\n", err)


def test_ctrl_c_is_what_duckdb_makes_of_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def busy(*arguments: object, **options: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("orchestration.cli.cli.main", busy)
    assert run(["status"]) == 130
    assert capsys.readouterr().err.startswith("braid: Stopped; nothing is half-written")


def test_installed_command_and_module_are_one() -> None:
    done = braid("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"braid \d+\.\d+\.\d+\n", done.stdout)
