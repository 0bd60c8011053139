"""What surrounds the records: owners, deal pipelines with their stages, and who is associated with whom.

Source  ``/crm/v3/owners/`` (active and deactivated), ``/crm/v3/pipelines/deals``, ``/crm/v4/associations/…/batch/read``
Grain   owners by id; pipelines by id; stages by pipeline and id; associations by both ends and type
Cursor  none: each is read whole, for an association that changes moves no time anywhere
Units   times naive UTC; ``probability`` 0 to 1
Errors  MalformedAnswer; a batch read that fails in part raises, since a gap would pass for a deletion
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from extract.source import MalformedAnswer
from extract.sources.hubspot.client import HubSpotApi
from extract.sources.hubspot.properties import typed
from extract.sources.hubspot.records import ids_of
from extract.sources.rest import Json
from extract.sources.times import TIMESTAMP

ASSOCIATION_PAIRS: Mapping[str, tuple[str, ...]] = {"contacts": ("companies",), "deals": ("contacts", "companies")}
# HubSpot takes 1,000 ids in one association read.
ASSOCIATION_INPUTS = 1_000

# Column, field of the answer (dots lead into objects), type; the empty field is filled in by the reader.
Columns = tuple[tuple[str, str, pa.DataType], ...]
TIMES_AND_STATE: Columns = (
    ("created_at", "createdAt", TIMESTAMP),
    ("updated_at", "updatedAt", TIMESTAMP),
    ("archived", "archived", pa.bool_()),
)
OWNERS: Columns = (
    ("id", "id", pa.string()),
    ("email", "email", pa.string()),
    ("first_name", "firstName", pa.string()),
    ("last_name", "lastName", pa.string()),
    ("user_id", "userId", pa.int64()),
    *TIMES_AND_STATE,
)
PIPELINES: Columns = (
    ("id", "id", pa.string()),
    ("object_type", "", pa.string()),
    ("label", "label", pa.string()),
    ("display_order", "displayOrder", pa.int64()),
    *TIMES_AND_STATE,
)
STAGES: Columns = (
    ("id", "id", pa.string()),
    ("pipeline_id", "", pa.string()),
    ("label", "label", pa.string()),
    ("display_order", "displayOrder", pa.int64()),
    ("probability", "metadata.probability", pa.float64()),
    ("is_closed", "metadata.isClosed", pa.bool_()),
    *TIMES_AND_STATE,
)
ASSOCIATIONS: Columns = (
    ("from_object_type", "", pa.string()),
    ("from_id", "from.id", pa.string()),
    ("to_object_type", "", pa.string()),
    ("to_id", "toObjectId", pa.string()),
    ("type_id", "typeId", pa.int64()),
    ("category", "category", pa.string()),
    ("label", "label", pa.string()),
)


def owners(api: HubSpotApi) -> Iterator[pa.Table]:
    """Owners, and deactivated ones as archived: deals of theirs go on to name them."""
    for archived in ("false", "true"):
        for page in api.pages("/crm/v3/owners/", [("archived", archived)]):
            yield _table("owners", page.listing("results"), OWNERS, {})


def pipelines(api: HubSpotApi) -> Iterator[pa.Table]:
    """Pipelines of deals; a deleted one is simply absent."""
    found = api.get("/crm/v3/pipelines/deals").listing("results")
    yield _table("pipelines", found, PIPELINES, {"object_type": ["deals"] * len(found)})


def pipeline_stages(api: HubSpotApi) -> Iterator[pa.Table]:
    """Stages of the pipelines of deals."""
    stages: list[Json] = []
    owned_by: list[str] = []
    for pipeline in api.get("/crm/v3/pipelines/deals").listing("results"):
        own = pipeline.get("stages")
        if not isinstance(own, list):
            raise MalformedAnswer("HubSpot sent a pipeline without stages; try again later.")
        stages += own
        owned_by += [str(pipeline.get("id"))] * len(own)
    yield _table("pipeline_stages", stages, STAGES, {"pipeline_id": owned_by})


def associations(api: HubSpotApi) -> Iterator[pa.Table]:
    """Every association of the three pairs, each once, from the side named first."""
    for from_type, to_types in ASSOCIATION_PAIRS.items():
        ids: list[str] = []
        for page in api.pages(f"/crm/v3/objects/{from_type}", [("properties", "hs_object_id")]):
            # A page sent twice must not put an id twice into one batch: HubSpot refuses the whole.
            ids = list(dict.fromkeys(ids + ids_of(from_type, page)))
            if len(ids) >= ASSOCIATION_INPUTS:
                yield from _associated(api, from_type, to_types, ids[:ASSOCIATION_INPUTS])
                ids = ids[ASSOCIATION_INPUTS:]
        if ids:
            yield from _associated(api, from_type, to_types, ids)


READERS: Mapping[str, tuple[Columns, tuple[str, ...], Callable[[HubSpotApi], Iterator[pa.Table]]]] = {
    "owners": (OWNERS, ("id",), owners),
    "pipelines": (PIPELINES, ("id",), pipelines),
    "pipeline_stages": (STAGES, ("pipeline_id", "id"), pipeline_stages),
    "associations": (
        ASSOCIATIONS,
        ("from_object_type", "from_id", "to_object_type", "to_id", "type_id"),
        associations,
    ),
}


def _associated(api: HubSpotApi, from_type: str, to_types: Sequence[str], ids: Sequence[str]) -> Iterator[pa.Table]:
    for to_type in to_types:
        # Records with very many associations give them in pages of their own.
        inputs: list[Json] = [{"id": key} for key in ids]
        while inputs:
            answer = api.batch_read(f"/crm/v4/associations/{from_type}/{to_type}/batch/read", {"inputs": inputs})
            found = answer.listing("results")
            try:
                links = [
                    {"from": result["from"], "toObjectId": to["toObjectId"], **kind}
                    for result in found
                    for to in result["to"]
                    for kind in to["associationTypes"]
                ]
                inputs = [
                    {"id": str(result["from"]["id"]), "after": str(result["paging"]["next"]["after"])}
                    for result in found
                    if (result.get("paging") or {}).get("next")
                ]
            except (KeyError, TypeError, AttributeError):
                raise MalformedAnswer(
                    f"HubSpot sent associations of {from_type} to {to_type} in a form unknown to us; try again later."
                ) from None
            ends = {"from_object_type": [from_type] * len(links), "to_object_type": [to_type] * len(links)}
            yield _table("associations", links, ASSOCIATIONS, ends)


def _table(name: str, records: Sequence[Json], columns: Columns, given: Mapping[str, Sequence[str]]) -> pa.Table:
    """Records as a table of ``columns``; those without a field of the answer come from ``given``."""
    ids = [str(_field(record, "id") or _field(record, "from.id")) for record in records]
    arrays: dict[str, pa.Array[Any]] = {}
    for column, field, kind in columns:
        values = [_text(_field(record, field)) for record in records] if field else given[column]
        arrays[column] = typed(values, kind, name, ids, field)
    if "archived" in arrays:
        arrays["archived"] = arrays["archived"].fill_null(False)
        arrays["_is_deleted"] = arrays["archived"]
    return pa.table(arrays)


def _field(record: object, path: str) -> object:
    for step in path.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return record


def _text(value: object) -> str | None:
    """A JSON scalar as the text ``typed`` reads; booleans as true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
