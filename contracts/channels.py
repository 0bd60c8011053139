"""``channels.yml``: how a visit's medium or referrer becomes a channel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, first_repeated, load

_HOST = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True)
class Channel:
    """A channel (lower case, as all channels are) with the media (lower case) and the sites that lead to it."""

    name: str
    media: tuple[str, ...]
    hosts: tuple[str, ...]


def read(path: Path = HERE / "channels.yml") -> tuple[Channel, ...]:
    """The channels, as they stand in the file. Raises ContractError."""
    top = load(path, ("channels",))
    channels = each(top, "channels", ("name", "media", "hosts"), _channel)
    for kind in ("media", "hosts"):
        if repeated := first_repeated(value for channel in channels for value in getattr(channel, kind)):
            raise ContractError(f"{path.name}: {repeated!r} is listed twice among {kind}; it can lead to one channel.")
    return channels


def media(channels: Sequence[Channel]) -> Iterator[tuple[str, str]]:
    """(medium, channel), for the seed."""
    yield from ((medium, channel.name) for channel in channels for medium in channel.media)


def hosts(channels: Sequence[Channel]) -> Iterator[tuple[str, str]]:
    """(name of a site, channel), for the seed."""
    yield from ((host, channel.name) for channel in channels for host in channel.hosts)


def _channel(entry: Entry) -> Channel:
    found = Channel(
        entry.text("name").strip().lower(),
        tuple(medium.strip().lower() for medium in entry.texts("media")),
        tuple(host.lower() for host in entry.texts("hosts")),
    )
    for host in found.hosts:
        if not _HOST.fullmatch(host):
            raise ContractError(f"{entry.where}: {host!r} is no name of a site; write google, not www.google.com.")
    if not found.media and not found.hosts:
        raise ContractError(f"{entry.where} needs media or hosts: nothing would lead to it.")
    return found
