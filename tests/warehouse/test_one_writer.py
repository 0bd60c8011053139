"""Several processes and one DuckDB file: they queue, they say so, and a kill leaves nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

import warehouse as door
from warehouse.base import TableName, WarehouseError, WarehouseHeld
from warehouse.duckdb import DuckDBWarehouse
from warehouse.lock import REPEAT_SECONDS, file_lock, holder_path, read_holder

pytestmark = pytest.mark.timeout(60)

CONTACT = TableName("raw_crm", "contact")
BOOKS = TableName("ops", "windows")


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run ``code`` in another Python until it prints a line; killed at the end of the block."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline(), "the process died before it was ready"
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


HOLD_LOCK = """
import sys, time
from pathlib import Path
from warehouse.lock import file_lock
with file_lock(Path(sys.argv[1]), command="braid extract salesforce"):
    print("ready", flush=True)
    time.sleep(float(sys.argv[2]))
"""

HOLD_FILE = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
"""


def test_the_second_waits_and_says_for_whom(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    said: list[str] = []
    with process(HOLD_LOCK, database, 1) as child:
        holder = read_holder(database)
        assert holder is not None
        assert (holder.pid, holder.command) == (child.pid, "braid extract salesforce")
        with file_lock(database, command="braid build", on_wait=said.append, timeout=20):
            mine = read_holder(database)
            assert mine is not None
            assert (mine.pid, mine.command) == (os.getpid(), "braid build")
    assert len(said) == 1
    assert said[0].startswith(f"Waiting for w.duckdb: held by `braid extract salesforce` (pid {child.pid}) since 20")
    assert read_holder(database) is None


def test_waiting_repeats_itself_every_half_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("warehouse.lock.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("warehouse.lock.time.sleep", lambda _: clock.__setitem__(0, clock[0] + 1))
    said: list[str] = []
    with (
        process(HOLD_LOCK, tmp_path / "w.duckdb", 30),
        pytest.raises(WarehouseError, match="after 100 s"),
        file_lock(tmp_path / "w.duckdb", command="x", on_wait=said.append, timeout=100),
    ):
        pass
    assert REPEAT_SECONDS == 30
    assert len(said) == 4


def test_a_time_out_names_the_holder(tmp_path: Path) -> None:
    with (
        process(HOLD_LOCK, tmp_path / "w.duckdb", 30) as child,
        pytest.raises(WarehouseError, match=rf"still held by `braid extract salesforce` \(pid {child.pid}\) since"),
        file_lock(tmp_path / "w.duckdb", command="x", timeout=0.3),
    ):
        pass


def test_a_killed_holder_leaves_the_lock_free_and_its_note_is_ignored(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with process(HOLD_LOCK, database, 30) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert read_holder(database) is not None
        with file_lock(database, command="next", timeout=5):
            holder = read_holder(database)
            assert holder is not None
            assert holder.command == "next"


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": "x"}'], ids=["empty", "half", "list", "wrong"])
def test_a_note_that_cannot_be_read_only_makes_the_sentence_poorer(tmp_path: Path, note: str) -> None:
    database = tmp_path / "w.duckdb"
    with process(HOLD_LOCK, database, 30):
        holder_path(database).write_text(note)
        with (
            pytest.raises(WarehouseError, match="held by another process"),
            file_lock(database, command="x", timeout=0),
        ):
            pass


def test_the_same_thread_may_take_it_again(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with file_lock(database, command="outer", timeout=1):
        with file_lock(database, command="inner", timeout=1):
            assert json.loads(holder_path(database).read_text())["command"] == "outer"
        assert read_holder(database) is not None
        other: list[str] = []
        waiting = threading.Thread(target=_try_lock, args=(database, other))
        waiting.start()
        waiting.join(10)
        assert other == ["refused"]
    assert read_holder(database) is None


def _try_lock(database: Path, result: list[str]) -> None:
    try:
        with file_lock(database, command="thread", timeout=0.2):
            result.append("taken")
    except WarehouseError:
        result.append("refused")


def test_a_failure_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), file_lock(tmp_path / "w.duckdb", command="x"):
        _ = 1 / 0
    with file_lock(tmp_path / "w.duckdb", command="y", timeout=0):
        pass


def test_opening_waits_for_a_process_without_the_lock(tmp_path: Path) -> None:
    """A bare ``dbt build`` knows nothing of the lock."""
    database = tmp_path / "w.duckdb"
    said: list[str] = []
    with (
        process(HOLD_FILE, database, 1) as child,
        DuckDBWarehouse.open(database, on_wait=said.append, timeout=20) as warehouse,
    ):
        assert warehouse.query("select 1 as one").to_pylist() == [{"one": 1}]
    assert len(said) == 1
    assert f"(pid {child.pid})" in said[0]


def test_opening_gives_up_after_its_time(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with (
        process(HOLD_FILE, database, 30) as child,
        pytest.raises(WarehouseError, match=rf"still open in .*\(pid {child.pid}\) after"),
    ):
        DuckDBWarehouse.open(database, timeout=0.3)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    database.write_text("not a database, but long enough to look like something to open\n" * 200)
    with pytest.raises(WarehouseError, match=r"w\.duckdb cannot be opened") as caught:
        DuckDBWarehouse.open(database)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(WarehouseError, match="does not exist yet"):
        DuckDBWarehouse.open(tmp_path / "none.duckdb", read_only=True)


def nowhere_to_write(folder: Path) -> Path:
    """A folder in which no file can be made, not even by root."""
    folder.chmod(0o555)
    try:
        (folder / "probe").touch()
    except OSError:
        return folder
    (folder / "probe").unlink()
    return Path("/proc")


@pytest.mark.parametrize("kind", ["below a file", "no such place", "no permission", "a folder"])
def test_a_path_that_cannot_be_written_is_one_sentence_and_no_wait(tmp_path: Path, kind: str) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    path = {
        "below a file": file / "w.duckdb",
        "no such place": Path("/proc/nothing/w.duckdb"),
        "no permission": nowhere_to_write(folder) / "w.duckdb",
        "a folder": folder,
    }[kind]
    with (
        pytest.raises(WarehouseError, match="give BRAID_DUCKDB, or path") as caught,
        file_lock(path, command="braid test", timeout=0.3),
    ):
        pass
    assert not isinstance(caught.value, WarehouseHeld)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    folder.chmod(0o755)


def test_profile_settings_reach_the_connection(tmp_path: Path) -> None:
    with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"memory_limit": "300MiB", "threads": 1}) as warehouse:
        sql = "select current_setting('memory_limit') as memory, current_setting('threads') as threads"
        assert warehouse.query(sql).to_pylist() == [{"memory": "300.0 MiB", "threads": 1}]
    with pytest.raises(WarehouseError, match=r"Setting 'nonsense' in profiles\.yml"):
        DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"nonsense": 1})


def test_the_door_opens_what_the_profile_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles.yml").write_text("braid: {outputs: {default: {type: duckdb, path: w.duckdb}}}")
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    with door.locked(command="test", timeout=1), door.connect() as opened:
        opened.ensure_table(CONTACT, pa.schema([("id", pa.string())]))
        assert read_holder(tmp_path / "w.duckdb") is not None
    with door.connect(read_only=True) as opened, pytest.raises(WarehouseError, match="read-only"):
        opened.execute(f"insert into {opened.relation(CONTACT)} values ('1')")


def test_importing_the_door_is_cheap() -> None:
    code = "import sys, warehouse; print([m for m in ('duckdb', 'pyarrow', 'yaml', 'jinja2') if m in sys.modules])"
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30, check=True
    )
    assert result.stdout.strip() == "[]"


# One load with its books, which can be killed at a named moment.
LOAD = """
import os, signal, sys, pyarrow as pa
from pathlib import Path
from warehouse.base import TableName
from warehouse.duckdb import DuckDBWarehouse
path, run, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
contact, books = TableName("raw_crm", "contact"), TableName("ops", "windows")
def now(name):
    if name == moment:
        os.kill(os.getpid(), signal.SIGKILL)
rows = 20000
number = pa.array(range(rows), pa.int64())
data = pa.table({"id": number, "value": pa.array([f"{run}-{i % 7}-" + "x" * 50 for i in range(rows)])})
with DuckDBWarehouse.open(path, settings={"threads": 1}) as warehouse:
    with warehouse.stage(data, constants={"_run_id": run}) as staged:
        warehouse.ensure_table(contact, staged.schema)
        warehouse.ensure_table(books, pa.schema([("run_id", pa.string()), ("rows", pa.int64())]))
        now("staged")
        with warehouse.transaction():
            counts = warehouse.merge(contact, staged, key=["id"])
            now("merged")
            warehouse.execute(f"insert into {warehouse.relation(books)} values (?, ?)", [run, counts.read])
            now("before commit")
        now("after commit")
    now("unstaged")
now("closed")
"""


def _load(database: Path, run: str, moment: str) -> int:
    arguments = [sys.executable, "-c", LOAD, str(database), run, moment]
    return subprocess.run(arguments, cwd=Path(__file__).parents[2], timeout=50, check=False).returncode


@pytest.mark.parametrize(
    ("moment", "landed"),
    [
        ("staged", False),
        ("merged", False),
        ("before commit", False),
        ("after commit", True),
        ("unstaged", True),
        ("closed", True),
    ],
)
def test_after_a_kill_rows_and_books_agree(tmp_path: Path, moment: str, landed: bool) -> None:
    database = tmp_path / "w.duckdb"
    assert _load(database, "first", "never") == 0
    assert _load(database, "second", moment) == -signal.SIGKILL
    _agree(database, ["first", "second"] if landed else ["first"])
    assert _load(database, "second" if not landed else "third", "never") == 0
    _agree(database, ["first", "second"] if not landed else ["first", "second", "third"])


def _agree(database: Path, runs: list[str]) -> None:
    with DuckDBWarehouse.open(database) as warehouse:
        assert warehouse.query(f"select run_id from {warehouse.relation(BOOKS)} order by rows, run_id").to_pylist() == [
            {"run_id": run} for run in runs
        ]
        sql = (
            f"select _run_id, count(*) as rows, count(distinct id) as ids from {warehouse.relation(CONTACT)} group by 1"
        )
        assert warehouse.query(sql).to_pylist() == [{"_run_id": runs[-1], "rows": 20000, "ids": 20000}]


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100))
def test_after_a_kill_at_any_moment_rows_and_books_agree(tmp_path: Path, seed: int) -> None:
    import random

    database = tmp_path / "w.duckdb"
    assert _load(database, "first", "never") == 0
    arguments = [sys.executable, "-c", LOAD, str(database), "second", "never"]
    with subprocess.Popen(arguments, cwd=Path(__file__).parents[2]) as child:
        time.sleep(random.Random(seed).uniform(0.2, 1.2))
        child.kill()
    with DuckDBWarehouse.open(database) as warehouse:
        runs = [row["run_id"] for row in warehouse.rows(f"select run_id from {warehouse.relation(BOOKS)} order by 1")]
    _agree(database, [str(run) for run in runs])


def test_duckdb_says_ctrl_c_in_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def execute(self, *statement: object, **options: object) -> None:
            raise RuntimeError("Query interrupted")

        sql = execute

    with DuckDBWarehouse.open(tmp_path / "w.duckdb") as warehouse:
        with monkeypatch.context() as patched:
            patched.setattr(warehouse, "_connection", Interrupted())
            with pytest.raises(KeyboardInterrupt):
                warehouse.execute("select 1")
            with pytest.raises(KeyboardInterrupt):
                warehouse.columns(CONTACT)
        assert warehouse.query("select 1 as one").to_pylist() == [{"one": 1}]
    monkeypatch.setattr("duckdb.connect", lambda *arguments, **options: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        DuckDBWarehouse.open(tmp_path / "other.duckdb")
