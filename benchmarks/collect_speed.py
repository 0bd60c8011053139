"""The collector under load: events a second and 99th percentile, validated, de-duplicated, durable before the answer.

The collector has two workers; the load generator is a process of its own on the same cores. What the disk needs for one
small fsync is measured beside it, since no answer can be earlier than that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from collect.keys import KeyFile

WORKERS = 2
SECONDS = 5.0
# Events a second that are asked for, and the milliseconds that 99 of 100 requests may take at half of that.
SINGLE, BATCHED, P99_MS = 12_000, 80_000, 20.0
BATCH = 100
LIMIT_SECONDS = 120


def measure() -> Iterator[dict[str, Any]]:
    """One result a measure: name, events_a_second, p50_ms, p99_ms, target, ok."""
    with TemporaryDirectory(prefix="braid-bench-", dir=os.environ.get("BRAID_BENCH_DIR")) as scratch:
        folder = Path(scratch)
        disk = fsync_ms(folder)
        with serving(folder / "collect") as (port, key):
            # Pages of the window are new, connections are made: not what is measured.
            load(port, key, 1, 64, 1.0)
            for name, events, connections, target in (
                ("single events", 1, 256, SINGLE),
                (f"batches of {BATCH}", BATCH, 32, BATCHED),
            ):
                full = load(port, key, events, connections, SECONDS)
                speed = full["events_a_second"]
                more = {"target": target, "ok": speed >= target and not full["refused"], "fsync_ms": disk}
                yield {"name": f"collector, {name}", "workers": WORKERS, **full, **more}
                half = load(port, key, events, connections, SECONDS, target / 2 / events)
                held = half["events_a_second"] >= 0.98 * target / 2 and not half["refused"]
                more = {"target_ms": P99_MS, "ok": held and half["p99_ms"] < P99_MS, "fsync_ms": disk}
                yield {"name": f"collector, {name}, at half the load", "workers": WORKERS, **half, **more}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """A collector with a key that may send all of it; its port and the key."""
    key, _ = KeyFile(folder / "keys.json").add("web", rate=10_000_000)
    command = [sys.executable, "-m", "orchestration.cli", "collect", "serve", "--port", "0", "--folder", str(folder)]
    process = subprocess.Popen(
        [*command, "--workers", str(WORKERS)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            sys.exit("the collector did not start")
        yield int(url.rsplit(":", 1)[1]), key
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def load(
    port: int, key: str, events: int, connections: int, seconds: float, rate: float | None = None
) -> dict[str, Any]:
    """What the load generator says."""
    command = [sys.executable, "-m", "benchmarks.collect_load"]
    arguments = [port, key, events, connections, seconds, *([] if rate is None else [rate])]
    ran = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    if ran.returncode:
        sys.exit(f"the load generator failed: {ran.stderr.strip()}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def fsync_ms(folder: Path) -> dict[str, float]:
    """Milliseconds of an fsync after 4 KB, the median and the 99th percentile of 200."""
    taken = []
    handle = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(200):
            os.write(handle, b"x" * 4096)
            began = time.perf_counter()
            os.fsync(handle)
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
    taken.sort()
    return {"p50": round(taken[100], 2), "p99": round(taken[197], 2)}
