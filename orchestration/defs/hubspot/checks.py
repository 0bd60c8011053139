"""What a batch of HubSpot records must look like before anything is built on it."""

from __future__ import annotations

from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, between, cursor, emails, happened, keyed, one_of, present

_RECORD: Suite = (*keyed("id"), *cursor("updated_at"), *present("created_at", "archived"), *happened("created_at"))
_MONEY = 1e12
_HISTORY: Suite = (*keyed("id", "property", "changed_at", "source_type"), *happened("changed_at"))

SUITES: dict[str, Suite] = {
    "contacts": (*_RECORD, *emails("email")),
    "companies": (*_RECORD, *between("numberofemployees", 0, 1e7, mostly=0.99)),
    "deals": (
        *_RECORD,
        *present("dealstage"),
        *between("amount", -_MONEY, _MONEY),
        *between("hs_deal_stage_probability", 0, 1),
    ),
    "owners": (*keyed("id"), *emails("email")),
    "pipelines": (*keyed("id"), *present("label")),
    "pipeline_stages": (*keyed("pipeline_id", "id"), *present("label"), *between("probability", 0, 1)),
    "associations": (
        *keyed("from_object_type", "from_id", "to_object_type", "to_id", "type_id"),
        *one_of("from_object_type", "contacts", "companies", "deals"),
    ),
    "contacts_history": _HISTORY,
    "companies_history": _HISTORY,
    "deals_history": _HISTORY,
}

hubspot_batches = batch_checks("hubspot", SUITES)
