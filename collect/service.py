"""The collector as a whole: one process, or one a worker under a supervisor that keeps them running."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from collect import CollectError
from collect.settings import Settings
from collect.worker import BAD_SETTING, FAILED, STOP_SECONDS, Worker, listening

logger = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_RESTART_SECONDS = 1.0
# A worker that dies sooner than this was not running: three in a row, and the service gives up.
_STEADY_SECONDS = 10.0
_PATIENCE = 3


def serve(settings: Settings, ready: Callable[[int], None]) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code; ``ready`` is told the port. Raises CollectError."""
    if settings.workers == 1:
        bound = listening(settings, shared=False)
        port = bound.getsockname()[1]
        return Worker(settings).run(bound, lambda: ready(port))
    return _Supervisor(settings, ready).run()


class _Supervisor:
    def __init__(self, settings: Settings, ready: Callable[[int], None]) -> None:
        # Bound but never listened on: it keeps the port, and finds a free one for port 0.
        self._held = listening(settings, shared=True)
        self._settings = replace(settings, port=self._held.getsockname()[1])
        self._ready = ready
        self._workers: dict[int, subprocess.Popen[str]] = {}
        self._started: dict[int, float] = {}
        self._failures = 0
        self._up = 0
        self._stopping = threading.Event()

    def run(self) -> int:
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, lambda *_: self._stopping.set())
        try:
            for number in range(self._settings.workers):
                self._start(number)
            while not self._stopping.wait(_POLL_SECONDS):
                for number, process in list(self._workers.items()):
                    code = process.poll()
                    if code is not None and not self._revive(number, code):
                        return FAILED
            return 0
        finally:
            self._stop()

    def _start(self, number: int) -> None:
        bound: socket.socket = listening(self._settings, shared=True)
        with bound:
            self._workers[number] = process = subprocess.Popen(
                [sys.executable, "-m", "collect.worker", str(number), str(bound.fileno()), self._settings.to_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[bound.fileno()],
                # Ctrl-C reaches the supervisor, which ends the workers in order.
                start_new_session=True,
            )
        self._started[number] = time.monotonic()
        threading.Thread(target=self._follow, args=(process,), daemon=True).start()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        if process.stdout.readline() == "ready\n":
            self._up += 1
            if self._up == self._settings.workers:
                self._ready(self._settings.port)

    def _revive(self, number: int, code: int) -> bool:
        """Start a worker that ended anew; False when that has no hope."""
        steady = time.monotonic() - self._started[number] >= _STEADY_SECONDS
        self._failures = 0 if steady else self._failures + 1
        if code == BAD_SETTING or self._failures >= _PATIENCE:
            logger.error("worker %d ended with code %d; the service ends", number, code)
            return False
        logger.error("worker %d ended with code %d and is started anew", number, code)
        if self._stopping.wait(_RESTART_SECONDS):
            return True
        self._start(number)
        return True

    def _stop(self) -> None:
        for process in self._workers.values():
            if process.stdin is not None:
                process.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS + 10
        for number, process in self._workers.items():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.error("worker %d did not end in time and is killed; what it answered is durable", number)
                process.kill()
                process.wait()
        self._held.close()


__all__ = ["CollectError", "serve"]
