"""`braid sandbox`: a made-up company in stand-ins for Salesforce, HubSpot and Segment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import CommandError, Interrupted, SetupError
from orchestration.terminal import as_json, say

if TYPE_CHECKING:
    from requests import Response

_TIMEOUT_SECONDS = 300


@click.group(short_help="Stand-ins for Salesforce, HubSpot and Segment, with a made-up company in them.")
def sandbox() -> None:
    """Stand-ins for Salesforce, HubSpot and Segment on this computer, with a made-up company living in them.

    \b
    Examples:
      braid sandbox serve --people 500        in one terminal; it prints the settings for the others
      braid sandbox advance                   the next day: new records, edits, deletes, merges
      braid sandbox truth --out truth/        who is really who, as Parquet
    """


@sandbox.command(short_help="Serve the three systems until Ctrl-C.")
@click.option("--people", type=click.IntRange(1), default=2000, show_default=True, help="How many the company knows.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same company.")
@click.option("--day", type=click.IntRange(1), default=1, show_default=True, help="Start on this day of its life.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option(
    "--archive",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".braid/sandbox/archive"),
    show_default=True,
    help="Folder for Segment's event archive.",
)
def serve(people: int, seed: int, day: int, port: int, archive: Path) -> None:
    """Serve the three systems on loopback until Ctrl-C, and print the settings that point Braid at them.

    \b
    Example:
      braid sandbox serve --people 500 --port 8765
    """
    from sandbox import server

    def ready(bound: int) -> None:
        url = f"http://127.0.0.1:{bound}"
        for name, value in server.environment(url, archive).items():
            click.echo(f"export {name}={value}")
        say(f"A company of {people:,} people is at {url}; Ctrl-C ends it.")

    try:
        server.serve(people=people, seed=seed, day=day, port=port, archive=archive, ready=ready)
    except OSError as error:
        raise SetupError(f"Port {port} cannot be served ({error.strerror or error}): choose another, or 0.") from None


def _url_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--url",
        default=lambda: os.environ.get("SALESFORCE_URL", "http://127.0.0.1:8765"),
        help="Where the sandbox is; SALESFORCE_URL, or the default port.",
    )(command)


@sandbox.command(short_help="Let the company live one day.")
@_url_option
def advance(url: str) -> None:
    """Let the company live one day: new records, edits, deletes, merges, late commits.

    \b
    Example:
      braid sandbox advance
    """
    click.echo(as_json(_call("POST", url, "advance").json()))


@sandbox.command(short_help="Who is really who.")
@_url_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the two Parquet files."
)
def truth(url: str, out: Path) -> None:
    """Write records.parquet (record_key, person_id) and people.parquet (what is noisy about each) to a folder.

    \b
    Example:
      braid sandbox truth --out truth/
    """
    files = {f"{name}.parquet": _call("GET", url, f"truth/{name}.parquet").content for name in ("records", "people")}
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
        click.echo(str(out / name))


def _call(method: str, url: str, path: str) -> Response:
    import requests

    try:
        answer = requests.request(method, f"{url.rstrip('/')}/_sandbox/{path}", timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise CommandError(
            f"No sandbox answers at {url} ({type(error).__name__}): start one with `braid sandbox serve`."
        ) from None
    except KeyboardInterrupt:
        raise Interrupted("Stopped waiting; the sandbox may still finish what it was asked.") from None
    return answer
