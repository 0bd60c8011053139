"""What the tests of the collector share: the application without a server, and the service as users run it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from collect.app import Collector
from collect.events import Intake
from collect.judging import Judge, Unplanned
from collect.keys import KeyFile, WriteKey, hashed
from collect.limits import Keys
from collect.metrics import Metrics
from collect.window import Window
from log.base import DEAD_LETTERS, EVENTS, Entry, Writer
from log.group import GroupCommit
from log.reader import EmbeddedReader
from log.writer import EmbeddedWriter

ROOT = Path(__file__).resolve().parents[2]
KEY = "WK"


def write_keys(folder: Path, **rates: int) -> Path:
    """A key file with the key ``WK`` of source ``web``, which the command line would refuse as too short."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "keys.json"
    key = WriteKey(hashed(KEY), "web", rates.get(KEY, 1_000_000), "2026-11-20T00:00:00Z")
    path.write_text(json.dumps({"keys": [key.__dict__]}))
    return path


def login(key: str = KEY) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode()


@dataclass
class Answer:
    """What the application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeWriter:
    """A log in memory that fails when told to, and can be held up."""

    def __init__(self) -> None:
        self.records: dict[str, list[bytes]] = {EVENTS: [], DEAD_LETTERS: []}
        self.failures: list[Exception] = []

    def append(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        for topic, items in entries.items():
            self.records[topic] += [payload for _, payload in items]

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


class Bench:
    """The application on a log, called without a server."""

    def __init__(self, app: Collector, writer: Writer, folder: Path) -> None:
        self.app, self.writer, self.folder = app, writer, folder

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Sequence[tuple[str, str]] = (),
        *,
        query: str = "",
        stalls: bool = False,
    ) -> Answer:
        """The answer to a request; with ``stalls`` the client sends nothing more, and stays."""
        parts = [body] if isinstance(body, bytes) else list(body)
        messages = [
            {"type": "http.request", "body": part, "more_body": stalls or index + 1 < len(parts)}
            for index, part in enumerate(parts)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            if stalls and not messages:
                await asyncio.sleep(30)
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        }
        await self.app(scope, receive, take)
        start = sent[0]
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(message["body"] for message in sent[1:]))

    async def post(self, path: str, content: Any, *headers: tuple[str, str], key: str | None = KEY) -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.send("POST", path, body, [*([login(key)] if key else []), *headers])

    def records(self, topic: str = EVENTS) -> list[dict[str, Any]]:
        if isinstance(self.writer, FakeWriter):
            return [json.loads(payload) for payload in self.writer.records[topic]]
        return records(self.folder / "log", topic)


def on_bench(
    folder: Path,
    work: Callable[[Bench], Any],
    *,
    judge: Judge | None = None,
    writer: Writer | None = None,
    rate: int = 1_000_000,
    **options: Any,
) -> Any:
    """Run a coroutine of the bench to its end, with everything closed in order after it."""

    async def run() -> Any:
        used = writer or EmbeddedWriter(folder / "log")
        app = Collector(
            Keys(KeyFile(write_keys(folder, WK=rate))),
            Intake(judge or Unplanned()),
            Window(folder / "window", slots=1 << 12),
            Metrics(folder / "metrics"),
            **options,
        )
        app.commit = GroupCommit(used)
        try:
            return await work(Bench(app, used, folder))
        finally:
            await app.commit.close()
            app.window.close()

    return asyncio.run(run())


def records(log: Path, topic: str = EVENTS) -> list[dict[str, Any]]:
    """Everything in a topic, in the order of partitions and offsets."""
    reader = EmbeddedReader(log)
    found: list[dict[str, Any]] = []
    for partition in reader.partitions(topic):
        place = 0
        while (batch := reader.read(topic, partition, place)).next_offset != place:
            found += map(json.loads, batch.payloads)
            place = batch.next_offset
    reader.close()
    return found


@dataclass
class Service:
    """The collector as users run it, in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    def records(self, topic: str = EVENTS) -> list[dict[str, Any]]:
        return records(self.folder / "log", topic)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def metric(self, name: str) -> float:
        text = requests.get(f"{self.url}/metrics", timeout=10).text
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")))


@contextmanager
def service(folder: Path, *arguments: str, port: int = 0) -> Iterator[Service]:
    """Serve until the block ends; keys that the folder has already are kept."""
    if not (folder / "keys.json").exists():
        write_keys(folder)
    command = [sys.executable, "-m", "orchestration.cli", "collect", "serve", "--port", str(port)]
    with (folder / "stderr").open("a") as errors:
        process = subprocess.Popen(
            [*command, "--folder", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http"), (folder / "stderr").read_text()
        yield Service(process, url, folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        process.stdout.close()
