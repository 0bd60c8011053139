"""What a batch of tickets must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, between, cursor, keyed, present

SUITES: dict[str, Suite] = {
    "tickets": (
        *keyed("id"),
        *cursor("updated_at"),
        *present("subject", mostly=0.9),
        *between("minutes_spent", 0, 1e6),
    ),
}

tickets_batches = batch_checks("tickets", SUITES)
