"""`braid demo`: two days of a made-up company, end to end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from orchestration.errors import CommandError, Interrupted
from orchestration.setup import json_option
from orchestration.terminal import as_json


@click.command(short_help="Two days of a made-up company, from its systems to its customers.")
@click.option("--people", type=click.IntRange(10), default=2000, show_default=True, help="How many the company knows.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same company.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".braid/demo"),
    show_default=True,
    help="Folder of the demo's own warehouse and log.",
)
@click.option("--keep", is_flag=True, help="Keep the sandbox's event archive in the folder.")
@json_option
def demo(people: int, seed: int, folder: Path, keep: bool, as_json_: bool) -> None:
    """Extract, check and build two days of a made-up company, and show how right the result is.

    Stand-ins for Salesforce, HubSpot and Segment start on this computer. The Dagster jobs that run in production run
    here in one process: day one, a day of changes, and once more with nothing new. Then the customers are compared
    with who is really who. Your own warehouse and accounts are not touched.

    \b
    Examples:
      braid demo
      braid demo --people 500 --seed 7
      braid demo --json > demo.json
    """
    from orchestration.demo import run as demo_run

    settings = demo_run.Settings(people=people, seed=seed, folder=folder, keep=keep)
    try:
        with _telling() as tell:
            report = demo_run.run(settings, tell)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped: what is in {folder} is incomplete, and the next demo starts afresh; your own warehouse was not "
            "touched."
        ) from None
    except CommandError:
        if last := demo_run.tail(settings):
            click.echo(last, err=True)
        raise
    if as_json_:
        click.echo(as_json(report.as_dict()))
        return
    from rich.console import Console

    from orchestration.demo.report import show

    # Without a terminal there is no width to fit: tables are never cut there.
    show(report, Console(width=None if sys.stdout.isatty() else 120, highlight=False))


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Says which step is at work: one changing line on a terminal, a line each elsewhere."""
    # Bound to the terminal now: while the jobs run, stderr is the log.
    stream = sys.stderr
    if not stream.isatty():
        yield lambda name: click.echo(f"braid: demo: {name}", file=stream)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=stream)
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description:<32}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: list[object] = []

        def tell(name: str) -> None:
            if tasks:
                bars.update(tasks[-1], total=1, completed=1)  # type: ignore[arg-type]
            tasks.append(bars.add_task(name, total=None))

        yield tell
