"""The sandbox as a server on loopback: in this process, or as a child that dies with its parent.

``python -m sandbox.server`` prints one line of JSON when it is ready to be called, and stops when its standard input
ends, if asked to (``--with-parent``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from sandbox.credentials import CLIENT_ID, CLIENT_SECRET, SPACE, TOKEN

if TYPE_CHECKING:
    import pyarrow as pa

    from sandbox.state import CompanyLike

_HOST = "127.0.0.1"


def environment(url: str, archive: Path) -> dict[str, str]:
    """The settings with which everything that reads the real systems reads this sandbox instead."""
    return {
        "SALESFORCE_URL": url,
        "SALESFORCE_CLIENT_ID": CLIENT_ID,
        "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET,
        "HUBSPOT_URL": url,
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "SEGMENT_PROFILE_URL": url,
        "SEGMENT_SPACE_ID": SPACE,
        "SEGMENT_ACCESS_TOKEN": TOKEN,
        "SEGMENT_ARCHIVE_URL": archive.resolve().as_uri(),
    }


def serve(
    *,
    people: int = 2000,
    seed: int = 1,
    day: int = 1,
    port: int = 0,
    archive: Path,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until interrupted. ``port`` 0 takes a free one; ``ready`` is called with it once calls are answered.

    Raises OSError when the port is taken.
    """
    from sandbox.company import Company

    listener = socket.create_server((_HOST, port))
    company = Company(seed=seed, people=people)
    for _ in range(day - 1):
        company.advance()
    serve_company(company, listener, archive=archive, about={"people": people, "seed": seed}, ready=ready)


def serve_company(
    company: CompanyLike,
    listener: socket.socket,
    *,
    archive: Path | None,
    about: dict[str, Any],
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve any company on a bound socket until interrupted; ``archive`` None keeps no event files."""
    import uvicorn

    from sandbox.app import create_app

    app = create_app(company, archive=archive, about=about)
    config = uvicorn.Config(app, log_level="critical", access_log=False, date_header=False, server_header=False)
    server = uvicorn.Server(config)
    if ready is not None:
        threading.Thread(target=_announce, args=(server, listener.getsockname()[1], ready), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _announce(server: Any, port: int, ready: Callable[[int], None]) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.01)
    ready(port)


@dataclass
class Running:
    """A sandbox in a child process."""

    url: str
    archive: Path
    process: subprocess.Popen[str]

    def environment(self) -> dict[str, str]:
        """Settings that point every source at this sandbox."""
        return environment(self.url, self.archive)

    def advance(self) -> dict[str, Any]:
        """Live one day; returns the new health."""
        return dict(self._call("POST", "advance", timeout=300).json())

    def health(self) -> dict[str, Any]:
        """Day, clock, people, seed."""
        return dict(self._call("GET", "health").json())

    def truth(self) -> tuple[pa.Table, pa.Table]:
        """Records with the person behind each, and people with what is noisy about them."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        records, people = (
            pq.read_table(pa.BufferReader(self._call("GET", f"truth/{name}.parquet").content))
            for name in ("records", "people")
        )
        return records, people

    def faults(self, *specs: Mapping[str, Any]) -> None:
        """Switch faults on; none given clears them all. Raises ValueError for one that does not exist."""
        answer = self._call("POST", "faults", json=list(specs)) if specs else self._call("DELETE", "faults")
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])

    def sql(self, statement: str) -> int:
        """Edit records as no API would, until the next day; returns how many. Raises ValueError for bad SQL."""
        answer = self._call("POST", "sql", json={"sql": statement})
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])
        return int(answer.json()["rows"])

    def calls(self, *, reset: bool = False) -> dict[str, dict[str, int]]:
        """How often each endpoint was called, by system; ``reset`` counts from nothing afterwards."""
        counts: dict[str, dict[str, int]] = self._call("GET", "calls").json()
        if reset:
            self._call("DELETE", "calls")
        return counts

    def stop(self) -> None:
        """End the child, by force if it does not go; safe to call twice."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _call(self, method: str, path: str, *, json: Any = None, timeout: float = 60) -> Any:
        import requests

        return requests.request(method, f"{self.url}/_sandbox/{path}", json=json, timeout=timeout)


@contextlib.contextmanager
def running(
    *, people: int = 2000, seed: int = 1, day: int = 1, port: int = 0, archive: Path | None = None, timeout: float = 120
) -> Iterator[Running]:
    """A sandbox in a child process for the length of the block; without ``archive`` its files go when the block ends.

    Raises RuntimeError with the child's last words when it is not ready within ``timeout`` seconds.
    """
    with TemporaryDirectory(prefix="braid-sandbox-", ignore_cleanup_errors=True) as scratch:
        folder = archive if archive is not None else Path(scratch) / "archive"
        words = Path(scratch) / "stderr.txt"
        command = [sys.executable, "-m", "sandbox.server", "--with-parent"]
        for option, value in {"people": people, "seed": seed, "day": day, "port": port, "archive": folder}.items():
            command += [f"--{option}", str(value)]
        # The child imports the same sandbox, wherever the caller stands.
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        with words.open("w") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        child = Running("", folder, process)
        try:
            line = _first_line(process, timeout)
            if not line:
                last = words.read_text(errors="replace").strip().splitlines()[-5:]
                raise RuntimeError(
                    "The sandbox did not start: " + (" / ".join(last) or f"no answer in {timeout:.0f} s")
                )
            child.url = json.loads(line)["url"]
            yield child
        finally:
            child.stop()


def _first_line(process: subprocess.Popen[str], timeout: float) -> str:
    """The child's ready line, or "" when it ends or the time is up."""
    found: list[str] = []

    def read(stdout: IO[str]) -> None:
        found.append(stdout.readline())

    assert process.stdout is not None
    reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
    reader.start()
    reader.join(timeout)
    return found[0] if found else ""


def _end_with_parent() -> None:
    """Stop as soon as standard input ends: the parent holds its other end, however it dies."""

    def wait() -> None:
        # The descriptor itself: a thread that sits in sys.stdin keeps its lock and spoils the interpreter's end.
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server", description="Serve the sandbox on loopback.")
    parser.add_argument("--people", type=int, default=2000, help="how many people the company knows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day", type=int, default=1)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--archive", type=Path, required=True, help="folder for Segment's event archive")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input ends")
    asked = parser.parse_args()
    if asked.with_parent:
        _end_with_parent()

    def ready(port: int) -> None:
        line = {"port": port, "url": f"http://{_HOST}:{port}", "archive": str(asked.archive), "pid": os.getpid()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        serve(people=asked.people, seed=asked.seed, day=asked.day, port=asked.port, archive=asked.archive, ready=ready)
    except OSError as error:
        sys.exit(f"The sandbox cannot start: {error}.")


if __name__ == "__main__":
    _main()
