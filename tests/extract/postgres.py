"""A real PostgreSQL for the tests: a cluster of its own in a temporary folder, on loopback, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.needs import missing

USER, PASSWORD = "braid_test", "p@ss/w:rd %41 'x'"
SECONDS = 90


@dataclass(frozen=True)
class Server:
    """Where it listens; ``urls`` are of SQLAlchemy's form."""

    port: int

    def url(self, password: str = PASSWORD, database: str = "postgres") -> str:
        from sqlalchemy import URL

        return URL.create("postgresql+pg8000", USER, password, "127.0.0.1", self.port, database).render_as_string(
            hide_password=False
        )


def binaries() -> Path:
    """The folder of initdb and pg_ctl; the test ends when there is none."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not folders:
        missing("PostgreSQL's server (Debian's package postgresql) is not installed")
    return folders[-1]


@contextmanager
def server() -> Iterator[Server]:
    """A running cluster with one user who signs in by password."""
    found = binaries()
    folder = Path(tempfile.mkdtemp(prefix="braid-pg-"))
    data, words = folder / "data", folder / "password"
    words.write_text(PASSWORD + "\n")
    prefix = _as_someone_else(folder, words)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"

    def run(*command: str) -> None:
        done = subprocess.run(
            [*prefix, *command], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run(
            str(found / "initdb"), "-D", str(data), "-U", USER, "--pwfile", str(words), "-A", "scram-sha-256",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        control = (str(found / "pg_ctl"), "-D", str(data), "-w", "-t", str(SECONDS - 10))
        # Its output to a file: a pipe would stay open as long as the server runs.
        run(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Server(port)
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_someone_else(folder: Path, *files: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then as the user its package made, or as nobody."""
    if os.getuid() != 0:
        return []
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = users.get("postgres") or users["nobody"]
    for path in (folder, *files):
        os.chown(path, entry.pw_uid, entry.pw_gid)
    return ["runuser", "-u", entry.pw_name, "--"]
