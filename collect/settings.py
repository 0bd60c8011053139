"""What a collector is told when it starts, and how its workers are told the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from collect.app import BODY_BYTES
from collect.events import EVENT_BYTES


@dataclass(frozen=True)
class Settings:
    """Sizes in bytes. ``folder`` holds the log and what is kept beside it, ``plan`` the tracking plan if any."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8383
    workers: int = 1
    plan: Path | None = None
    public_url: str | None = None
    # Bootstrap servers of Kafka, which then keeps the log, and a JSON file of more of its client's settings.
    kafka: str | None = None
    kafka_settings: Path | None = None
    body_bytes: int = BODY_BYTES
    event_bytes: int = EVENT_BYTES

    @property
    def log_folder(self) -> Path:
        """The embedded log."""
        return self.folder / "log"

    @property
    def key_file(self) -> Path:
        """The write keys."""
        return self.folder / "keys.json"

    def to_json(self) -> str:
        """For the command line of a worker."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """What ``to_json`` wrote."""
        given = json.loads(text)
        for name in ("folder", "plan", "kafka_settings"):
            given[name] = Path(given[name]) if given[name] else None
        return cls(**given)
