"""What a batch of Salesforce records must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, between, cursor, emails, happened, keyed, present

# Every object but User carries these, and Salesforce fills them itself.
_RECORD: Suite = (*keyed("id"), *cursor("system_modstamp"), *happened("created_date"), *present("created_date"))
_MONEY = 1e12

SUITES: dict[str, Suite] = {
    "account": (*_RECORD, *present("name"), *between("number_of_employees", 0, 1e7, mostly=0.99)),
    "contact": (*_RECORD, *emails("email"), *present("last_name", mostly=0.95)),
    "lead": (*_RECORD, *emails("email"), *present("status", mostly=0.95)),
    "opportunity": (
        *_RECORD,
        *present("stage_name", "close_date"),
        *between("probability", 0, 100),
        *between("amount", -_MONEY, _MONEY),
    ),
    "opportunity_history": (
        *_RECORD,
        *present("opportunity_id"),
        *between("probability", 0, 100),
    ),
    "campaign": (*_RECORD, *present("name"), *between("actual_cost", 0, _MONEY, mostly=0.99)),
    "campaign_member": (*_RECORD, *present("campaign_id")),
    "user": (*_RECORD, *present("username")),
    "task": _RECORD,
    "event": _RECORD,
}

salesforce_batches = batch_checks("salesforce", SUITES)
