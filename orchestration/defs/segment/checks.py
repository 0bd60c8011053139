"""What a batch of events and profiles must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, cursor, keyed, one_of, present

SUITES: dict[str, Suite] = {
    # A device's own clock may say anything; the time at which Segment received a call may not.
    "events": (
        *keyed("message_id"),
        *cursor("received_at"),
        *present("payload", "timestamp"),
        *one_of("type", "identify", "page", "screen", "track", "group", "alias"),
    ),
    "profiles": (*keyed("user_id"), *present("traits")),
    "profile_external_ids": keyed("user_id", "type", "id"),
}

segment_batches = batch_checks("segment", SUITES)
