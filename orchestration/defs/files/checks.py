"""What a batch from files must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, between, emails, happened, keyed, present

SUITES: dict[str, Suite] = {
    "people": (*keyed("dataset", "person_id"), *emails("email")),
    # Negative quantities are returns.
    "orders": (
        *keyed("dataset", "order_id", "line_id"),
        *present("ordered_at"),
        *happened("ordered_at", since=1900),
        *between("quantity", -1e9, 1e9),
        *between("amount", -1e12, 1e12),
    ),
}

files_batches = batch_checks("files", SUITES)
