"""A process that dies loses nothing it acknowledged: at every call to the disk that has a number, and at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from log.base import EVENTS
from log.compaction import compact
from log.reader import EmbeddedReader
from log.removal import remove
from log.writer import EmbeddedWriter
from tests.log.helpers import append, payloads_of, read_all
from tests.log.kill_driver import GONE

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).resolve().parents[2]


def _check(root: Path, acked: list[bytes]) -> None:
    before = payloads_of(root) if root.exists() else []
    writer = EmbeddedWriter(root)
    assert not writer.damage
    append(writer, b"after")
    writer.close()
    found = read_all(EmbeddedReader(root))
    payloads = [payload for _, payload in found]
    assert payloads[-1] == b"after"
    assert len(payloads) == len(set(payloads))
    # Nothing that a reader was shown is taken back, and nothing that was acknowledged is missing.
    assert set(before) | set(acked) - {GONE} <= set(payloads)
    # Upkeep that died is done again.
    compact(root)
    remove(root, lambda payload: payload == GONE)
    assert read_all(EmbeddedReader(root)) == [item for item in found if item[1] != GONE]


def _die_at(folder: Path, first: int, stride: int) -> None:
    command = [sys.executable, "-m", "tests.log.kill_driver", str(folder), str(first), str(stride)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    last, code = map(int, ran.stdout.split())
    assert code == 0, ran.stderr
    # Fewer would mean that the calls are no longer counted.
    assert last > 80
    for step in range(first, last + 1, stride):
        acked = folder / f"{step}.acked"
        try:
            _check(folder / str(step), acked.read_bytes().splitlines() if acked.exists() else [])
        except AssertionError as error:
            raise AssertionError(f"died at call {step}: {error}") from error


@pytest.mark.parametrize("first", [1, 2], ids=["before", "after"])
def test_dying_at_a_call_to_the_disk_loses_nothing(tmp_path: Path, first: int) -> None:
    _die_at(tmp_path, first, 6)


@pytest.mark.torture
def test_dying_at_any_call_to_the_disk_loses_nothing(tmp_path: Path) -> None:
    _die_at(tmp_path, 1, 1)


def _killed_writer(root: Path, seed: int) -> list[bytes]:
    """Payloads that a writer acknowledged before it was killed at a random moment."""
    code = (
        "import sys; from pathlib import Path; from log.writer import EmbeddedWriter\n"
        f"writer = EmbeddedWriter(Path({str(root)!r}), segment_bytes=5000)\n"
        "number = 0\n"
        "while True:\n"
        f"    payloads = [b'{seed}-%d' % (number + extra) for extra in range(1 + number % 40)]\n"
        "    writer.append({'events': [('k', payload) for payload in payloads]})\n"
        "    sys.stdout.write('\\n'.join(map(bytes.decode, payloads)) + '\\n'); sys.stdout.flush()\n"
        "    number += len(payloads)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(random.Random(seed).uniform(0.0, 0.15))
        process.kill()
        rest = process.stdout.read()
    # The last line may have been cut in the pipe.
    return [first.strip(), *rest.split(b"\n")[:-1]]


def _rounds(root: Path, seeds: range) -> None:
    acked: list[bytes] = []
    for seed in seeds:
        acked += _killed_writer(root, seed)
        found = payloads_of(root, step=10_000)
        assert len(found) == len(set(found))
        EmbeddedWriter(root).close()
        again = payloads_of(root, step=10_000)
        assert again[: len(found)] == found
        assert set(acked) <= set(again), f"lost in round {seed}"
    assert EmbeddedReader(root).end(EVENTS, 0) >= len(acked)


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    _rounds(tmp_path, range(8))


@pytest.mark.torture
def test_a_writer_killed_two_hundred_times_loses_nothing(tmp_path: Path) -> None:
    _rounds(tmp_path, range(200))
