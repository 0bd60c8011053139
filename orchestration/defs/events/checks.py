"""What a batch of collected events must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, cursor, keyed, one_of, present

SUITES: dict[str, Suite] = {
    "collected": (
        *keyed("message_id"),
        *cursor("received_at"),
        *present("payload", "timestamp", "source"),
        *one_of("type", "identify", "page", "screen", "track", "group", "alias"),
    ),
    "dead_letters": (*keyed("source", "message_id", "rule"), *present("payload", "reason")),
}

collected_batches = batch_checks("events", SUITES)
