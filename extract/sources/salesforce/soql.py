"""Queries as text: what is selected, which window, and long field lists in parts that a URL can hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote_plus

from extract.source import ObjectInfo, Window
from extract.sources.salesforce import settings
from extract.sources.salesforce.objects import API_NAMES


def select(info: ObjectInfo, fields: Sequence[str], conditions: Sequence[str], tail: str = "") -> str:
    """``SELECT`` of some fields; conditions are joined by AND, ``tail`` follows them."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(fields)} FROM {API_NAMES[info.name]}{where}{tail}"


def within(info: ObjectInfo, window: Window) -> list[str]:
    """Conditions of a half-open window on the object's cursor; none without a cursor."""
    if info.cursor is None:
        return []
    cursor = info.fields[info.cursor]
    start = [f"{cursor} >= {moment(window.start)}"] if window.start else []
    return [*start, f"{cursor} < {moment(window.end)}"]


def moment(time: datetime) -> str:
    """A naive UTC time as SOQL writes it: not quoted."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def parts(info: ObjectInfo, longest_tail: int = 600) -> list[list[str]]:
    """The object's fields in parts whose query fits a URL, each with the id and the cursor first."""
    always = [info.fields[name] for name in (info.key[0], info.cursor) if name]
    found, room = [list(always)], 0
    most = settings.REST_QUERY_BYTES - longest_tail - len(quote_plus(select(info, always, [])))
    for field in info.fields.values():
        if field in always:
            continue
        size = len(quote_plus(f", {field}"))
        if room + size > most:
            found.append(list(always))
            room = 0
        found[-1].append(field)
        room += size
    return found
