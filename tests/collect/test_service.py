"""The service as it runs: start, stop, workers, keys that change, what it tells of itself."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests

from collect.keys import KeyFile
from collect.settings import Settings
from collect.worker import Worker, listening
from log.base import EVENTS
from log.kafka import KafkaReader
from log.writer import EmbeddedWriter
from tests.collect.helpers import KEY, ROOT, service, write_keys
from tests.log.helpers import HOUR_MS, Clock, append
from tests.log.mock_kafka import cluster

pytestmark = pytest.mark.timeout(180)


def track(url: str, number: int | str, key: str = KEY) -> requests.Response:
    call = {"event": "Seen", "userId": "u1", "messageId": f"m{number}"}
    return requests.post(f"{url}/v1/track", json=call, auth=(key, ""), timeout=30)


def until(true: object, seconds: float = 20.0) -> None:
    """Wait until a call returns something true."""
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_starts_takes_events_and_ends_in_order(tmp_path: Path, workers: int) -> None:
    with service(tmp_path, "--workers", str(workers)) as running:
        assert requests.get(f"{running.url}/ready", timeout=10).json()["ready"]
        answered: list[int] = []
        stop = threading.Event()

        def load() -> None:
            number = 0
            with requests.Session() as session:
                while not stop.is_set():
                    call = {"event": "Seen", "userId": "u1", "messageId": f"{threading.get_ident()}-{number}"}
                    try:
                        answer = session.post(f"{running.url}/v1/t", json=call, auth=(KEY, ""), timeout=30)
                    except requests.ConnectionError:
                        return
                    answered.append(answer.status_code)
                    number += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        assert running.stop() == 0
        stop.set()
        for thread in threads:
            thread.join(30)
        assert set(answered) == {200}
        found = [event["message_id"] for event in running.records()]
        assert len(found) == len(set(found))
        # One whose answer the closing connection swallowed may be there besides.
        assert len(answered) <= len(found) <= len(answered) + len(threads)
    with service(tmp_path, "--workers", str(workers)) as again:
        assert track(again.url, "again").status_code == 200
        assert len(again.records()) == len(found) + 1


def test_a_worker_that_dies_is_started_anew_and_the_supervisor_takes_them_along(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2") as running:
        parent = psutil.Process(running.process.pid)
        workers = [child for child in parent.children() if "collect.worker" in " ".join(child.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        for number in range(20):
            until(lambda number=number: _tried(running.url, number))  # type: ignore[misc]
        until(lambda: len(parent.children()) == 2)
        assert len({event["message_id"] for event in running.records()}) == 20
        workers = parent.children()
        # Whatever kills the supervisor, its workers do not stay behind with the log's locks.
        running.process.kill()
        psutil.wait_procs(workers, timeout=20)
        assert not any(worker.is_running() for worker in workers)
    with service(tmp_path, "--workers", "2") as again:
        assert track(again.url, "again").status_code == 200


def _tried(url: str, number: int) -> bool:
    try:
        return track(url, number).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_message_is_known_to_all_workers_and_after_a_kill(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2") as running:
        # Each request has a connection of its own, so both workers get some.
        for _ in range(12):
            assert track(running.url, "same").status_code == 200
        assert len(running.records()) == 1
        assert running.metric("braid_collect_events_accepted_total") == 1
        assert running.metric("braid_collect_events_duplicate_total") == 11
        running.process.kill()
        running.process.wait(20)
    with service(tmp_path) as again:
        assert track(again.url, "same").status_code == 200
        assert len(again.records()) == 1


def test_keys_change_while_it_runs(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        assert track(running.url, 1).status_code == 200
        file = KeyFile(tmp_path / "keys.json")
        made, entry = file.add("shop")
        until(lambda: track(running.url, 2, made).status_code == 200)
        file.revoke(entry.key_id)
        until(lambda: track(running.url, 3, made).status_code == 401)
        # Somebody's mistake in the file does not end the collection.
        (tmp_path / "keys.json").write_text("{")
        time.sleep(1.2)
        assert track(running.url, 4).status_code == 200
        assert running.records()[1]["source"] == "shop"
        assert made not in (tmp_path / "stderr").read_text()


def test_a_compaction_that_cannot_start_does_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    write_keys(tmp_path)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", refused)
    asyncio.run(Worker(Settings(tmp_path))._compact())
    assert "compaction cannot be started (Resource temporarily unavailable)" in caplog.text


@pytest.mark.parametrize("inherited", [False, True], ids=["alone", "of a supervisor"])
def test_no_child_of_a_worker_holds_its_port(tmp_path: Path, inherited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compaction that outlives its collector once kept the next one from starting."""
    write_keys(tmp_path)
    settings = Settings(tmp_path, port=0)
    seen: list[bool] = []

    async def serve(_worker: Worker, writer: EmbeddedWriter, bound: socket.socket, _ready: object) -> None:
        seen.append(bound.get_inheritable())
        writer.close()

    monkeypatch.setattr(Worker, "_serve", serve)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    switch = sys.getswitchinterval()
    with listening(settings, shared=False) as bound:
        bound.set_inheritable(inherited or bound.get_inheritable())
        Worker(settings).run(bound)
    sys.setswitchinterval(switch)
    assert seen == [False]


def test_whatever_ends_the_watch_the_log_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_keys(tmp_path)
    settings = Settings(tmp_path, port=0)
    worker, writer = Worker(settings), EmbeddedWriter(settings.log_folder)

    def fails() -> None:
        raise RuntimeError("no one listens")

    asyncio.run(worker._serve(writer, listening(settings, shared=False), fails))
    assert "the watch over the service failed: RuntimeError: no one listens" in caplog.text
    # Its lock is free, and whoever supervises it is told.
    EmbeddedWriter(settings.log_folder).close()
    assert worker._code == 1


def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        for number in (1, 2, 2):
            track(running.url, number)
        track(running.url, 3, "nobody")
        answer = requests.get(f"{running.url}/metrics", timeout=10)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]+"\})? [0-9.e+-]+')
        lines = answer.text.splitlines()
        assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines)
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        assert found["braid_collect_events_accepted_total"] == "2"
        assert found["braid_collect_events_duplicate_total"] == "1"
        assert found['braid_collect_requests_total{status="200"}'] == "3"
        assert found['braid_collect_requests_total{status="401"}'] == "1"
        assert found["braid_collect_commit_seconds_count"] == found["braid_collect_commits_total"] == "2"
        assert found['braid_collect_commit_seconds_bucket{le="+Inf"}'] == "2"
        assert found["braid_collect_write_keys"] == "1"


def braid(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "collect", *arguments, "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def test_what_cannot_be_served_is_one_sentence(tmp_path: Path) -> None:
    write_keys(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            ran = braid("serve", "--port", port, "--workers", workers, folder=tmp_path)
            assert (ran.returncode, ran.stdout) == (2, "")
            assert re.fullmatch(
                r"braid: 127\.0\.0\.1:\d+ cannot be served \(.*\): choose another --host or --port\.\n", ran.stderr
            )
    with service(tmp_path / "one") as running:
        second = braid("serve", "--port", "0", folder=running.folder)
        assert second.returncode == 2
        assert "is written by another process" in second.stderr.splitlines()[-1]
    (tmp_path / "keys.json").write_text("[]")
    assert "cannot be read as write keys" in braid("serve", "--port", "0", folder=tmp_path).stderr


def test_keys_by_the_command_line(tmp_path: Path) -> None:
    made = braid("keys", "add", "web_shop", "--rate", "5", folder=tmp_path)
    assert re.fullmatch(r"wk_[A-Za-z0-9]{32}\n", made.stdout)
    key = made.stdout.strip()
    file = tmp_path / "keys.json"
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    listed = json.loads(braid("keys", "list", "--json", folder=tmp_path).stdout)["keys"]
    assert [(one["source"], one["rate"], one["revoked_at"]) for one in listed] == [("web_shop", 5, None)]
    assert braid("keys", "revoke", listed[0]["id"], folder=tmp_path).returncode == 0
    assert json.loads(braid("keys", "list", "--json", folder=tmp_path).stdout)["keys"][0]["revoked_at"]
    for arguments, said in [
        (("add", "Web Shop"), "no name of a source"),
        (("add", "web", "--key", "short"), "20 or more"),
        (("add", "web", "--key", key), "known already"),
        (("revoke", "zzz"), "No key has"),
    ]:
        ran = braid("keys", *arguments, folder=tmp_path)
        assert (ran.returncode, said in ran.stderr, len(ran.stderr.splitlines())) == (2, True, 1), ran.stderr


def test_a_log_that_cannot_be_made_durable_ends_the_service(tmp_path: Path) -> None:
    """Going on would answer events that nobody keeps; whoever supervises starts it anew, and it reads what is there."""
    write_keys(tmp_path)
    code = (
        "import os, errno, sys; from pathlib import Path; from log import partition\n"
        "real = partition._sync\n"
        "def fails(handle):\n"
        "    if os.path.exists(sys.argv[1] + '/fail'): raise OSError(errno.EIO, 'Input/output error')\n"
        "    real(handle)\n"
        "partition._sync = fails\n"
        "from collect.service import serve; from collect.settings import Settings\n"
        "sys.exit(serve(Settings(Path(sys.argv[1]), port=0), lambda port: print(port, flush=True)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
            assert track(url, 1).status_code == 200
            (tmp_path / "fail").touch()
            assert track(url, 2).status_code == 503
            assert process.wait(40) == 1
        finally:
            process.kill()
    with service(tmp_path) as again:
        assert track(again.url, 2).status_code == 200
        assert {event["message_id"] for event in again.records()} >= {"m1", "m2"}


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2") as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(40) == 0


def test_kafka_keeps_the_log_when_told_to(tmp_path: Path) -> None:
    more = tmp_path / "kafka.json"
    more.write_text(json.dumps({"client.id": "collector"}))
    with cluster("braid.events=4", "braid.dead_letters=1") as kafka:
        arguments = ("--kafka", kafka.servers, "--kafka-settings", str(more), "--workers", "2")
        with service(tmp_path / "collect", *arguments) as running:
            assert [track(running.url, number % 10).status_code for number in range(20)] == [200] * 20
            assert not running.records()
            assert running.stop() == 0
        reader = KafkaReader({"bootstrap.servers": kafka.servers})
        found = [reader.read(EVENTS, number, 0).payloads for number in reader.partitions(EVENTS)]
        reader.close()
    events = [json.loads(payload) for payloads in found for payload in payloads]
    assert sorted(event["message_id"] for event in events) == [f"m{number}" for number in range(10)]
    # One user, one partition.
    assert sum(map(bool, found)) == 1


def test_hours_that_are_over_are_compacted_beside_it(tmp_path: Path) -> None:
    clock = Clock()
    writer = EmbeddedWriter(tmp_path / "log", clock=clock)
    for number in range(3):
        append(writer, b'{"message_id":"old%d"}' % number)
        clock.ms += HOUR_MS
    writer.close()
    with service(tmp_path) as running:
        # The last segment is closed by the first event of this hour, and joins the others an hour later.
        until(lambda: len(list((tmp_path / "log" / "events" / "000").glob("*.parquet"))) == 2)
        assert track(running.url, 1).status_code == 200
        assert [event["message_id"] for event in running.records()] == ["old0", "old1", "old2", "m1"]
