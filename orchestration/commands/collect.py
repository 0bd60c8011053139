"""`braid collect`: events over HTTP, durable in the log."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.errors import SetupError
from orchestration.setup import json_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from collect.keys import KeyFile

_FOLDER = Path(".braid/collect")


def _folder_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="BRAID_COLLECT",
        default=_FOLDER,
        show_default=True,
        help="Where the write keys and the log are; also BRAID_COLLECT.",
    )(command)


@click.group(short_help="Take events from the SDKs of Segment and RudderStack.")
def collect() -> None:
    """Take events from the SDKs of Segment and RudderStack over HTTP; each is durable before it is answered.

    \b
    Examples:
      braid collect keys add web_shop         a key for one source; the SDK gets it
      braid collect serve                     until Ctrl-C
      curl -u KEY: -d '{"type":"track","event":"Hello","userId":"u1"}' localhost:8383/v1/track
    """


@collect.command(short_help="Serve the collector until Ctrl-C.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all of them.")
@click.option("--port", type=click.IntRange(0, 65535), default=8383, show_default=True, help="0 takes a free one.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes; each writes a partition of its own of the log. One a core is the most that helps.",
)
@click.option(
    "--public-url", help="Where browsers reach it, behind a proxy: https://events.example.com. Else as they ask for it."
)
@click.option(
    "--max-request-kb",
    type=click.IntRange(1, 16_384),
    default=500,
    show_default=True,
    help="Most a request may have, unpacked. Segment's SDKs stay below 500, RudderStack's Python SDK below 4096.",
)
@click.option(
    "--max-event-kb", type=click.IntRange(1, 1024), default=32, show_default=True, help="Most one event may have."
)
@click.option(
    "--plan",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the tracking plan; contracts/tracking_plan unless given. Read once, at the start.",
)
@click.option("--no-plan", is_flag=True, help="Judge by no plan: whatever is a call of an SDK passes.")
@click.option(
    "--kafka", envvar="BRAID_KAFKA", help="Keep the log in Kafka, at these bootstrap servers; also BRAID_KAFKA."
)
@click.option(
    "--kafka-settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="BRAID_KAFKA_SETTINGS",
    help="JSON file of more settings of its client (librdkafka): security, names; also BRAID_KAFKA_SETTINGS.",
)
@_folder_option
def serve(
    host: str,
    port: int,
    workers: int,
    public_url: str | None,
    max_request_kb: int,
    max_event_kb: int,
    plan: Path | None,
    no_plan: bool,
    kafka: str | None,
    kafka_settings: Path | None,
    folder: Path,
) -> int:
    """Serve Segment's HTTP tracking API: identify, track, page, screen, group, alias and batch under /v1/.

    Each event is judged by the tracking plan and answered with 200 once it is on the disk: a crash or a power cut after
    that loses nothing. Events that break a rule go to the dead letters of the log, not back to the SDK, which would
    drop them.

    SIGTERM and Ctrl-C end it in order: no new connections, what arrived is answered, then it ends.
    /health says that it lives, /ready that it takes events, /metrics counts in Prometheus' format.

    \b
    Examples:
      braid collect serve
      braid collect serve --host 0.0.0.0 --port 80 --workers 2 --public-url https://events.example.com
    \b
    Then, in a page with Segment's analytics.js (docs/collector.md has the other SDKs):
      AnalyticsBrowser.load({writeKey: "KEY", cdnURL: "http://127.0.0.1:8383"})
    """
    from collect.keys import KeyFile
    from collect.service import serve as serve_until_told
    from collect.settings import Settings
    from contracts.plan import FOLDER

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if plan is not None and no_plan:
        raise SetupError("--plan and --no-plan contradict each other: give one of them.")
    settings = Settings(
        folder=folder,
        plan=None if no_plan else plan or FOLDER,
        host=host,
        port=port,
        workers=workers,
        public_url=public_url,
        kafka=kafka,
        kafka_settings=kafka_settings,
        body_bytes=max_request_kb * 1024,
        event_bytes=max_event_kb * 1024,
    )
    if public_url is not None and not public_url.startswith(("https://", "http://")):
        raise SetupError("--public-url begins with https:// or http://: write it as browsers ask for it.")
    if not any(key.revoked_at is None for key in KeyFile(settings.key_file).listed()):
        say("No write key exists, so nothing may send yet: `braid collect keys add SOURCE` makes one, also meanwhile.")

    def ready(bound: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{bound}")
        kept = kafka or settings.log_folder
        say(f"Events are taken at http://{shown}:{bound}/v1/ and kept in {kept}; Ctrl-C ends it.")

    return serve_until_told(settings, ready)


@collect.group(short_help="Write keys: make, list, revoke.")
def keys() -> None:
    """Write keys: which source may send, and how fast. A running collector notices changes within two seconds.

    \b
    Examples:
      braid collect keys add web_shop
      braid collect keys list
      braid collect keys revoke 3f2a9c0d11e4
    """


@keys.command(short_help="Make a key for a source.")
@click.argument("source")
@click.option("--key", help="Take this key over, so that SDKs already in use keep theirs. Else a new one is made.")
@click.option(
    "--rate", type=click.IntRange(1), default=1000, show_default=True, help="Events a second; more are told to wait."
)
@_folder_option
def add(source: str, key: str | None, rate: int, folder: Path) -> None:
    """Make a write key for SOURCE and print it. It is shown this once: only its hash is kept.

    \b
    Examples:
      braid collect keys add web_shop
      braid collect keys add mobile_app --rate 5000
    """
    made, entry = _key_file(folder).add(source, key=key, rate=rate)
    click.echo(made)
    say(f"Key {entry.key_id} writes to {source}, at most {rate:,} events/s. It is not shown again.")


@keys.command("list", short_help="The keys, without the keys themselves.")
@_folder_option
@json_option
def list_(folder: Path, as_json_: bool) -> None:
    """List write keys: id, source, rate, since when, and whether revoked.

    \b
    Example:
      braid collect keys list
    """
    found = _key_file(folder).listed()
    if as_json_:
        documents = [{"id": key.key_id, **{n: v for n, v in asdict(key).items() if n != "sha256"}} for key in found]
        click.echo(as_json({"keys": documents}))
    elif found:
        lines = [(key.key_id, key.source, key.rate, key.created_at, key.revoked_at) for key in found]
        click.echo(table(("id", "source", "events/s", "since", "revoked"), lines, right=frozenset({2})))
    else:
        say("There are no write keys; `braid collect keys add SOURCE` makes one.")


@keys.command(short_help="Let a key write no more.")
@click.argument("key_id", metavar="ID")
@_folder_option
def revoke(key_id: str, folder: Path) -> None:
    """Revoke the key with this ID, for good: its SDKs are answered 401, and drop what they would have sent.

    \b
    Example:
      braid collect keys revoke 3f2a9c0d11e4
    """
    entry = _key_file(folder).revoke(key_id)
    say(f"Key {entry.key_id} of {entry.source} is revoked since {entry.revoked_at}.")


def _key_file(folder: Path) -> KeyFile:
    from collect.keys import KeyFile

    return KeyFile(folder / "keys.json")
