"""One process of the collector: an event loop with the application, and one partition of the log."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from collect import CollectError
from collect.app import Collector
from collect.events import Intake
from collect.judging import Judge, Unplanned
from collect.keys import KeyFile
from collect.limits import Keys
from collect.metrics import Metrics
from collect.protocol import BoundedProtocol
from collect.settings import Settings
from collect.window import Window
from log import LogError
from log.group import GroupCommit
from log.kafka import KafkaWriter
from log.writer import EmbeddedWriter

logger = logging.getLogger(__name__)
STOP_SECONDS = 20
LogWriter = EmbeddedWriter | KafkaWriter
_KEEP_ALIVE_SECONDS = 65
_WATCH_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005
_HOUR = 3600
FAILED, BAD_SETTING = 1, 2


def listening(settings: Settings, *, shared: bool) -> socket.socket:
    """A socket bound to the address; ``shared`` lets other workers bind it too. CollectError when it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise CollectError(
            f"{settings.host}:{settings.port} cannot be served ({getattr(error, 'strerror', None) or error}): choose "
            "another --host or --port."
        ) from None
    return bound


def judge_of(settings: Settings) -> Judge:
    """The tracking plan to judge by; raises CollectError when it cannot be used."""
    if settings.plan is None:
        return Unplanned()
    from contracts import ContractError
    from contracts.plan import Plan

    try:
        return Plan.load(settings.plan)
    except ContractError as error:
        raise CollectError(str(error)) from None


class Worker:
    """Worker ``number`` of ``settings.workers``."""

    def __init__(self, settings: Settings, number: int = 0) -> None:
        """Open keys, plan, window, counters; raises CollectError."""
        share = 1 / settings.workers
        folder = settings.folder
        self._settings, self._number = settings, number
        self.metrics = Metrics(folder / f"metrics-{settings.workers}", worker=number, workers=settings.workers)
        self.app = Collector(
            Keys(KeyFile(settings.key_file), share=share),
            Intake(judge_of(settings), event_bytes=settings.event_bytes),
            Window(settings.log_folder / "window"),
            self.metrics,
            body_bytes=settings.body_bytes,
            public_url=settings.public_url,
            stopping=lambda: self._server.should_exit,
        )
        config = uvicorn.Config(
            self.app,
            http=BoundedProtocol,
            loop="auto",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._code = 0

    def run(self, bound: socket.socket, ready: Callable[[], None] = lambda: None) -> int:
        """Serve until SIGTERM or SIGINT; every event that was accepted is durable then. Returns the exit code."""
        # A compaction, which may outlive this process, would hold the port: uvloop closes nothing for its children.
        bound.set_inheritable(False)
        try:
            writer = self._writer()
        except LogError as error:
            raise CollectError(str(error)) from None
        self.app.damage = tuple(str(damage) for damage in writer.damage)
        # The thread that commits needs the interpreter for a moment after every write; by default it waits 5 ms for it.
        sys.setswitchinterval(_SWITCH_SECONDS)
        # The server raises the signals it got once more when it is done; by default that would end the process there.
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, lambda *_: None)
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._serve(writer, bound, ready))
        self.app.window.close()
        return self._code

    def _writer(self) -> LogWriter:
        settings = self._settings
        if settings.kafka is None:
            return EmbeddedWriter(settings.log_folder, partition=self._number)
        more: Any = {}
        if settings.kafka_settings is not None:
            try:
                more = json.loads(settings.kafka_settings.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise LogError(
                    f"{settings.kafka_settings} cannot be read ({type(error).__name__}): it is a JSON object of "
                    "librdkafka's settings."
                ) from None
        return KafkaWriter({**more, "bootstrap.servers": settings.kafka})

    async def _serve(self, writer: LogWriter, bound: socket.socket, ready: Callable[[], None]) -> None:
        self.app.commit = commit = GroupCommit(writer, observe=self._observe)
        watch = asyncio.create_task(self._watch(ready))
        watch.add_done_callback(self._watched)
        try:
            await self._server.serve(sockets=[bound])
        finally:
            watch.cancel()
            # Never its error, which is told already: what was handed over is made durable whatever it was.
            await asyncio.wait([watch])
            await commit.close()

    def _watched(self, watch: asyncio.Task[None]) -> None:
        """Nobody would see any more that the log is broken: end in order, to be started anew."""
        if not watch.cancelled() and (error := watch.exception()) is not None:
            logger.error("the watch over the service failed: %s: %s", type(error).__name__, error)
            self._code, self._server.should_exit = FAILED, True

    def _observe(self, seconds: float, _records: int) -> None:
        self.metrics.count("commits")
        self.metrics.observe("commit_seconds", seconds)

    async def _watch(self, ready: Callable[[], None]) -> None:
        """Say when the service is up; compact each hour that is over; end when the log cannot go on."""
        while not self._server.started:
            await asyncio.sleep(0.01)
        ready()
        compacted = -1
        while True:
            commit = self.app.commit
            if commit is not None and commit.failed is not None:
                logger.error("%s", commit.failed)
                self._code, self._server.should_exit = FAILED, True
                return
            hour = int(time.time() // _HOUR)
            if self._number == 0 and self._settings.kafka is None and hour != compacted:
                compacted = hour
                await self._compact()
            await asyncio.sleep(_WATCH_SECONDS)

    async def _compact(self) -> None:
        """In a process of its own, so that requests do not wait for it; what fails is tried again in an hour."""
        command = (sys.executable, "-m", "log.compaction", str(self._settings.log_folder))
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        except OSError as error:
            logger.error("compaction cannot be started (%s); it is tried again in an hour", error.strerror or error)
            return

        async def told() -> None:
            if await process.wait():
                logger.error("compaction failed; the segments stay as they are until it succeeds")

        self._compaction = asyncio.create_task(told())

    def stop_with(self, parent: int) -> None:
        """End in order when the file ``parent`` ends, which is when the process that started this one dies."""

        def wait() -> None:
            os.read(parent, 1)
            self._server.should_exit = True

        threading.Thread(target=wait, daemon=True, name="parent").start()


def main() -> None:
    """``python -m collect.worker NUMBER SOCKET SETTINGS``: a worker of the supervisor, whose end is told by stdin."""
    number, handle, text = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s worker {number} %(levelname)s %(message)s")
    try:
        worker = Worker(Settings.from_json(text), int(number))
        worker.stop_with(sys.stdin.fileno())
        sys.exit(worker.run(socket.socket(fileno=int(handle)), ready=lambda: print("ready", flush=True)))  # noqa: T201
    except CollectError as error:
        sys.stderr.write(f"braid: {error}\n")
        sys.exit(BAD_SETTING)


if __name__ == "__main__":
    main()
