"""`braid build`: every model and test, then the copy that dashboards read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError, Interrupted
from orchestration.setup import configured_target, json_option, target_option
from orchestration.terminal import as_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(
    short_help="Build and test every model, then publish the copy that BI reads.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[DBT ARGS]...")
@target_option
@json_option
def build(arguments: tuple[str, ...], target: str | None, as_json_: bool) -> None:
    """Run `dbt build` as the warehouse's only writer and, when everything is green, publish the serving copy.

    A new identity graph that the gate holds back makes the build red too; today's facts are published all the same, on
    the graph from before.

    What follows is handed to dbt as it is. While another writer is at work this waits and says who it is; dashboards
    go on reading the last green copy meanwhile.

    \b
    Examples:
      braid build
      braid build --select customer_master+
      braid build --full-refresh --target snowflake
    """
    import warehouse
    from orchestration.lib import gate
    from orchestration.lib.decisions import identity_schema
    from warehouse.serving import publish

    chosen = configured_target(target)
    shown = " ".join(["braid build", *arguments])
    began = time.monotonic()
    with warehouse.locked(target, command=shown, on_wait=say):
        waited = time.monotonic() - began
        report = _report(chosen.project_root)
        before = report.stat().st_mtime_ns if report.is_file() else None
        code = run_dbt(["build", *arguments], target=target, quiet=as_json_)
        if code and report.is_file() and report.stat().st_mtime_ns != before and gate.alone_failed(report):
            publish(target, on_wait=say)
            with warehouse.connect(target, read_only=True, on_wait=say) as connection:
                waiting = gate.held(connection, identity_schema(chosen.project_root))
            raise CommandError(gate.told(waiting))
        if code:
            raise CommandError(
                "dbt build failed, so the serving copy is still that of the last green build; what failed is above, "
                "and in logs/dbt.log."
            )
        built = time.monotonic() - began - waited
        published = publish(target, on_wait=say)
    if as_json_:
        results = _results(chosen.project_root)
        document = {
            "target": chosen.name,
            "seconds": round(built, 3),
            "results": results,
            "published": str(published) if published else None,
        }
        click.echo(as_json(document))
    elif published is not None:
        say(f"Published {published}.")


def run_dbt(arguments: Sequence[str], *, target: str | None, quiet: bool = False) -> int:
    """Run dbt in a child process and return its exit code; ``quiet`` sends its words to stderr.

    Raises Interrupted after Ctrl-C, when dbt has ended.
    """
    from warehouse.profile import load_target

    chosen = load_target(target)
    command = [
        sys.executable, "-m", "dbt.cli.main", *arguments,
        "--project-dir", str(chosen.project_root), "--profiles-dir", str(chosen.profiles_dir), "--target", chosen.name,
    ]  # fmt: skip
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    # dbt speaks for itself, in its own colours; stdout stays free for our JSON.
    process = subprocess.Popen(command, cwd=chosen.project_root, env=environment, stdout=sys.stderr if quiet else None)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal sent Ctrl-C to dbt as well: it rolls its open models back, and must be gone before the lock is.
        _end(process)
        raise Interrupted(
            "Stopped: models that were done are built, the others are as before, nothing is half-written, and the "
            "serving copy is still that of the last green build."
        ) from None


def _end(process: subprocess.Popen[bytes], patience: float = 30.0) -> None:
    for harder in (process.terminate, process.kill):
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            harder()
    process.wait()


def _report(root: Path) -> Path:
    return root / os.environ.get("DBT_TARGET_PATH", "target") / "run_results.json"


def _results(root: Path) -> dict[str, int]:
    """How many nodes ended how, from dbt's own report."""
    import collections
    import json

    path = _report(root)
    if not path.is_file():
        return {}
    report = json.loads(path.read_text(encoding="utf-8"))
    return dict(collections.Counter(str(result["status"]) for result in report["results"]))
