"""Where the collector's log is, from the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from extract.breaker import Breaker
from extract.source import ConfigurationError
from log.base import Reader
from log.reader import EmbeddedReader

FOLDER, KAFKA, KAFKA_SETTINGS = "BRAID_COLLECT_LOG", "BRAID_KAFKA", "BRAID_KAFKA_SETTINGS"
GIVE_UP = "BRAID_COLLECT_GIVE_UP"


@dataclass(frozen=True)
class LogSettings:
    """A folder, or Kafka's client settings; and the damaged places (topic, partition, offset) that are given up."""

    folder: Path | None = None
    kafka: Mapping[str, object] = field(default_factory=dict)
    given_up: frozenset[tuple[str, int, int]] = frozenset()
    breaker: Breaker = field(default_factory=Breaker)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> LogSettings:
        """Raises ConfigurationError naming the variable."""
        folder, servers, file = (env.get(name, "").strip() for name in (FOLDER, KAFKA, KAFKA_SETTINGS))
        if not (folder or servers):
            raise ConfigurationError(
                f"Neither {FOLDER} (the folder `log` of the collector, .braid/collect/log) nor {KAFKA} is set."
            )
        given_up, breaker = _places(env.get(GIVE_UP, "")), Breaker.from_environment(env)
        if servers:
            return cls(
                kafka={**_kafka_settings(file), "bootstrap.servers": servers}, given_up=given_up, breaker=breaker
            )
        return cls(folder=Path(folder), given_up=given_up, breaker=breaker)

    def reader(self) -> Reader:
        """Open the log. Raises ConfigurationError when the folder is not there, LogError when no broker answers."""
        if self.folder is None:
            from log.kafka import KafkaReader

            return KafkaReader(dict(self.kafka))
        if not self.folder.is_dir():
            raise ConfigurationError(
                f"{self.folder} is no folder: {FOLDER} is the collector's folder with /log behind it, which is there "
                "once `braid collect serve` has run."
            )
        return EmbeddedReader(self.folder)

    def passed(self, reader: Reader, topic: str, partition: int, offset: int) -> int | None:
        """Where to go on behind damage at ``offset``, when somebody has given it up; else None."""
        if (topic, partition, offset) not in self.given_up:
            return None
        if self.folder is None:
            return max(offset + 1, reader.start(topic, partition))
        beyond = EmbeddedReader(self.folder, past_damage=True)
        try:
            return beyond.read(topic, partition, offset, max_records=1).next_offset
        finally:
            beyond.close()


def _places(text: str) -> frozenset[tuple[str, int, int]]:
    found = set()
    for item in text.replace(",", " ").split():
        match = re.fullmatch(r"([a-z_]+)/(\d+)/(\d+)", item)
        if match is None:
            raise ConfigurationError(f"{GIVE_UP} has {item!r}: write topic/partition/offset as the error says it.")
        found.add((match[1], int(match[2]), int(match[3])))
    return frozenset(found)


def _kafka_settings(file: str) -> dict[str, object]:
    if not file:
        return {}
    try:
        given = json.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise ConfigurationError(f"{KAFKA_SETTINGS} is no file with a JSON object of settings: {file}.")
    return given
