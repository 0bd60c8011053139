"""CRM search: filters, sorting and the limits that make a sync by search hard.

At most 200 a page and 10,000 a query, never archived records, and what changed a moment ago may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.company.schema import Property
from sandbox.hubspot.objects import NUMERIC_ID
from sandbox.store import quoted

MOST_RESULTS: Final = 10_000
LARGEST_PAGE: Final = 200
_LONGEST_BODY: Final = 3000
_MOST_GROUPS, _MOST_IN_GROUP, _MOST_FILTERS = 5, 6, 18
_COMPARISONS: Final = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_SEARCHED: Final = ("email", "firstname", "lastname", "phone", "company", "name", "domain", "dealname")


class SearchError(Exception):
    """A search HubSpot answers with 400."""


@dataclass
class Search:
    """A search as SQL: a condition with its parameters, and an order; both over one object's table."""

    condition: str = "true"
    params: list[object] = field(default_factory=list)
    order: str = f"created_at, {NUMERIC_ID}"
    limit: int = 10
    after: int = 0
    properties: tuple[str, ...] = ()


def _integer(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise SearchError(f"Invalid input JSON: {name} must be an integer, not {value!r}") from None


def _moment(text: str) -> datetime:
    if re.fullmatch(r"-?\d+", text):
        return datetime.fromtimestamp(int(text) / 1000, UTC).replace(tzinfo=None)
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _is_id(prop: Property) -> bool:
    """The record id is text in the property list and a number to search."""
    return prop.name == "hs_object_id"


def _sql_of(prop: Property) -> str:
    if _is_id(prop):
        return NUMERIC_ID
    return quoted(prop.name) if prop.type in ("number", "bool", "datetime", "date") else f"lower({quoted(prop.name)})"


def _param(prop: Property, value: Any) -> object:
    text = str(value).strip()
    try:
        if _is_id(prop):
            return int(text)
        match prop.type:
            case "number":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "datetime":
                return _moment(text)
            case "date":
                return _moment(text).date()
    except (ValueError, KeyError, OverflowError, OSError):
        raise SearchError(f"Property {prop.name} expects a {prop.type}, not {text!r}") from None
    return text.lower()


def _values(item: Mapping[str, Any]) -> list[Any]:
    values = item.get("values")
    if not isinstance(values, list) or not values:
        raise SearchError(f"The {item.get('operator')} operator requires a list of values")
    return values


def _one(search: Search, item: Mapping[str, Any], known: Mapping[str, Property]) -> str:
    name, operator = str(item.get("propertyName", "")), item.get("operator")
    prop = known.get(name.lower())
    if prop is None:
        raise SearchError(f"The property {name!r} does not exist")
    sql = _sql_of(prop)
    if operator in _COMPARISONS:
        if "value" not in item:
            raise SearchError(f"The {operator} operator requires a value")
        search.params.append(_param(prop, item["value"]))
        return f"coalesce({sql} {_COMPARISONS[str(operator)]} ?, false)"
    match operator:
        case "BETWEEN":
            if "value" not in item or "highValue" not in item:
                raise SearchError("The BETWEEN operator requires value and highValue")
            search.params += [_param(prop, item["value"]), _param(prop, item["highValue"])]
            return f"coalesce({sql} between ? and ?, false)"
        case "IN" | "NOT_IN":
            values = _values(item)
            # The index holds text in lower case and does not lower what it is asked.
            search.params += [str(v) if isinstance(_param(prop, v), str) else _param(prop, v) for v in values]
            found = f"coalesce({sql} in ({', '.join('?' * len(values))}), false)"
            return found if operator == "IN" else f"({sql} is not null and not {found})"
        case "HAS_PROPERTY" | "NOT_HAS_PROPERTY":
            empty = f"(nullif({quoted(prop.name)}::varchar, '') is null)"
            return empty if operator == "NOT_HAS_PROPERTY" else f"not {empty}"
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            token = ".*".join(re.escape(part) for part in str(item.get("value", "")).lower().split("*"))
            search.params.append(f"(^|[^a-z0-9]){token}($|[^a-z0-9])")
            found = f"coalesce(regexp_matches(lower({quoted(prop.name)}::varchar), ?), false)"
            return found if operator == "CONTAINS_TOKEN" else f"not {found}"
    raise SearchError(f"Invalid input JSON: operator {operator!r} is not known")


def _order(sorts: Any, known: Mapping[str, Property]) -> str:
    """Only the first sort counts; equal ones follow by id."""
    if not sorts:
        return Search.order
    first = sorts[0]
    if isinstance(first, str):
        name, descending = first.removeprefix("-"), first.startswith("-")
    else:
        name, descending = str(first.get("propertyName", "")), first.get("direction") == "DESCENDING"
    prop = known.get(name.lower())
    if prop is None:
        raise SearchError(f"The property {name!r} does not exist")
    return f"{_sql_of(prop)} {'desc' if descending else 'asc'} nulls last, {NUMERIC_ID}"


def _groups(body: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    groups = [group.get("filters") or [] for group in body.get("filterGroups") or []]
    if body.get("filters"):
        groups.append(body["filters"])
    counts = [len(group) for group in groups]
    if len(groups) > _MOST_GROUPS or any(n > _MOST_IN_GROUP for n in counts) or sum(counts) > _MOST_FILTERS:
        raise SearchError(
            f"A search has at most {_MOST_GROUPS} filter groups of {_MOST_IN_GROUP} filters, {_MOST_FILTERS} in all"
        )
    return groups


def parse(body: Any, size: int, known: Mapping[str, Property]) -> Search:
    """A search request of ``size`` bytes as SQL. Raises SearchError for what HubSpot refuses."""
    if not isinstance(body, dict):
        raise SearchError("Invalid input JSON: an object is expected")
    if size > _LONGEST_BODY:
        raise SearchError(f"The request body is longer than {_LONGEST_BODY} characters")
    search = Search()
    search.limit = _integer(body.get("limit") or 10, "limit")
    search.after = _integer(body.get("after") or 0, "after")
    if not 0 < search.limit <= LARGEST_PAGE:
        raise SearchError(f"Invalid input JSON: limit must be between 1 and {LARGEST_PAGE}")
    if search.after < 0 or search.after + search.limit > MOST_RESULTS:
        raise SearchError(f"A search returns at most {MOST_RESULTS} results: after + limit is beyond them")
    asked: Sequence[Any] = body.get("properties") or ()
    search.properties = tuple(str(name) for name in asked)
    try:
        alternatives = [
            "(" + " and ".join(_one(search, item, known) for item in group) + ")" for group in _groups(body) if group
        ]
        search.order = _order(body.get("sorts"), known)
    except (AttributeError, TypeError):
        raise SearchError("Invalid input JSON: filters and sorts are lists of objects") from None
    conditions = ["not archived"]
    if alternatives:
        conditions.append("(" + " or ".join(alternatives) + ")")
    if body.get("query"):
        texts = [f"contains(lower({quoted(name)}), ?)" for name in _SEARCHED if name in known]
        search.params += [str(body["query"]).lower()] * len(texts)
        conditions.append("(" + " or ".join(f"coalesce({text}, false)" for text in texts) + ")")
    search.condition = " and ".join(conditions)
    return search
