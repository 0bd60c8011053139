"""What properties were before: the values that the company wrote down, newest first, and else the present one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sandbox.hubspot.objects import moment_sql
from sandbox.state import Sandbox
from sandbox.store import table_sql

# With histories a page and a batch hold half as many records.
MOST_RECORDS: Final = 50


def add(sandbox: Sandbox, object_type: str, found: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Give each record ``propertiesWithHistory`` of the properties named; those that never had a value are left out.

    A present value that nobody wrote down (of a property whose history the company does not keep, or edited by the
    control API) is of the record's last change. The fault ``history_cut`` leaves the newest entries alone.
    """
    if not names or not found:
        return
    kept = _kept(sandbox, object_type, [record["id"] for record in found], names)
    cuts = [int(options["values"]) for options in sandbox.faults.lasting("history_cut", "hubspot")]
    for record in found:
        history = {}
        for name in dict.fromkeys(names):
            if name not in record["properties"]:
                continue
            present, entries = record["properties"][name], kept[record["id"], name]
            if (entries[0]["value"] if entries else "") != (present or ""):
                entries = [{"value": present or "", "timestamp": record["updatedAt"], "sourceType": "CRM_UI"}, *entries]
            if entries:
                history[name] = entries[: min(cuts)] if cuts else entries
        record["propertiesWithHistory"] = history


def _kept(
    sandbox: Sandbox, object_type: str, ids: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The entries of these records and properties, newest first."""
    milliseconds = bool(sandbox.faults.lasting("milliseconds", "hubspot"))
    rows = sandbox.store.query(
        f"""
        select
            id, property, value, {moment_sql("changed_at", milliseconds)} as "timestamp", source_type as "sourceType",
            source_id as "sourceId", source_label as "sourceLabel", updated_by_user_id as "updatedByUserId"
        from {table_sql(f"hubspot.{object_type}_history")}
        where id in ({", ".join("?" * len(ids))}) and property in ({", ".join("?" * len(names))})
        order by changed_at desc
        """,
        [*ids, *names],
    )
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.to_pylist():
        entry = {field: value for field, value in row.items() if value is not None and field not in ("id", "property")}
        found[row["id"], row["property"]].append(entry)
    return found
