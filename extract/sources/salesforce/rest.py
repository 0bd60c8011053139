"""Rows over REST, in blocks of ids: a block is whole and agrees with itself, or it is read again.

A block is up to 2,000 rows in the order of their ids. Its pages must add up to what the server says they hold; when
the field list is too long for one URL, the parts of a block must show the same rows in the same versions, or a row
changed between two parts. So no row is dropped, and memory holds one block.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from extract.source import MalformedAnswer, ObjectInfo, ReadContext, Rejected, Window
from extract.sources.salesforce import settings, soql
from extract.sources.salesforce.client import Client, Refused
from extract.sources.salesforce.values import column

Record = dict[str, Any]
# Ids of one query, and the room they take in its URL.
IDS_A_QUERY, LONGEST_IDS = 100, 4_000
MISFITS = (ValueError, TypeError, ArithmeticError, pa.ArrowException)
LOST_CURSOR = "INVALID_QUERY_LOCATOR"


class Inconsistent(MalformedAnswer):
    """Pages or parts of one block contradict one another."""


def read(client: Client, info: ObjectInfo, context: ReadContext) -> None:
    """Spool the window. Raises SourceError."""
    parts = soql.parts(info)
    window = soql.within(info, context.window)
    last = ""
    while True:
        conditions = [*window, f"Id > '{last}'"] if last else window
        records = _block(client, info, parts, conditions)
        if records:
            table, rejected = to_table(records, info, client.where)
            context.spool.rows(table)
            context.spool.reject(rejected)
            context.progress(len(records))
        if len(records) < settings.REST_ROWS:
            return
        last = records[-1]["Id"]


def to_table(records: Sequence[Record], info: ObjectInfo, where: str) -> tuple[pa.Table, list[Rejected]]:
    """Records as the object's columns, and those with a value that does not fit.

    Raises MalformedAnswer naming a field that is absent.
    """
    arrays: list[pa.Array[Any]] = []
    bad: dict[int, str] = {}
    for field in info.schema:
        api_name = info.fields[field.name]
        try:
            values = [record[api_name] for record in records]
        except KeyError:
            raise MalformedAnswer(f"{where} answers without the field {info.name}.{api_name}; try again.") from None
        try:
            arrays.append(column(values, field.type))
        except MISFITS:
            for place, value in enumerate(values):
                if not _fits(value, field.type):
                    bad.setdefault(place, field.name)
    if not bad:
        return pa.Table.from_arrays(arrays, schema=info.schema), []
    good, _ = to_table([record for place, record in enumerate(records) if place not in bad], info, where)
    return good, [_rejected(records[place], info, column_name) for place, column_name in sorted(bad.items())]


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        column([value], kind)
    except MISFITS:
        return False
    return True


def _rejected(record: Record, info: ObjectInfo, name: str) -> Rejected:
    payload = {field: value for field, value in record.items() if field != "attributes"}
    stamp = record.get(info.fields.get(info.cursor or "", ""))
    moment: Any = column([stamp], pa.timestamp("us"))[0].as_py() if _fits(stamp, pa.timestamp("us")) else None
    return Rejected(
        json.dumps(payload, sort_keys=True, default=str),
        f"type:{name}",
        f"{info.name}: {name} is not of its type; look at the record and at the field in Salesforce.",
        f"{info.name} {record['Id']}",
        str(record["Id"]),
        moment,
        record.get("IsDeleted") is True,
    )


def _block(client: Client, info: ObjectInfo, parts: list[list[str]], conditions: list[str]) -> list[Record]:
    for attempt in range(1, settings.BLOCK_ATTEMPTS + 1):
        try:
            return _joined(client, info, parts, conditions)
        except (Inconsistent, Refused) as error:
            passing = isinstance(error, Inconsistent) or error.code == LOST_CURSOR
            if not passing or attempt == settings.BLOCK_ATTEMPTS:
                raise
            client.session.back_off(attempt)
    raise AssertionError("the last attempt returns or raises")


def _joined(client: Client, info: ObjectInfo, parts: list[list[str]], conditions: list[str]) -> list[Record]:
    tail = f" ORDER BY Id LIMIT {settings.REST_ROWS}"
    records = _rows(client, info, soql.select(info, parts[0], conditions, tail))
    if not records or len(parts) == 1:
        return records
    # The other parts are asked for the same stretch of ids.
    stretch = [*conditions, f"Id <= '{records[-1]['Id']}'"]
    for fields in parts[1:]:
        others = _rows(client, info, soql.select(info, fields, stretch, tail))
        if _versions(others, info) != _versions(records, info):
            raise Inconsistent(
                f"{client.where} changes rows of {info.name} faster than their {len(info.fields)} fields can be "
                "read; try again when less is being written."
            )
        records = [record | other for record, other in zip(records, others, strict=True)]
    return records


def _versions(records: Sequence[Record], info: ObjectInfo) -> list[tuple[Any, Any]]:
    cursor = info.fields[info.cursor] if info.cursor else "Id"
    return [(record["Id"], record.get(cursor)) for record in records]


def _rows(client: Client, info: ObjectInfo, query: str) -> list[Record]:
    answer = client.query(query)
    records = list(_records(client, info, answer))
    total = answer["totalSize"]
    asked: set[str] = set()
    while not answer["done"]:
        url = answer.get("nextRecordsUrl")
        if not isinstance(url, str) or not url.startswith("/services/data/"):
            raise Inconsistent(f"{client.where} does not say where the next rows of {info.name} are; try again.")
        if url in asked:
            raise Inconsistent(f"{client.where} leads us in a circle through the rows of {info.name}; try again.")
        asked.add(url)
        answer = client.query_more(url)
        records += _records(client, info, answer)
    if len(records) != total or len({record["Id"] for record in records}) != total:
        raise Inconsistent(f"{client.where} announces {total} rows of {info.name} and sends {len(records)}; try again.")
    return records


def _records(client: Client, info: ObjectInfo, answer: Any) -> list[Record]:
    """The records of a page. Raises MalformedAnswer when it is no page."""
    if isinstance(answer, dict) and isinstance(answer.get("done"), bool) and isinstance(answer.get("totalSize"), int):
        records = answer.get("records")
        if isinstance(records, list) and all(isinstance(r, dict) and isinstance(r.get("Id"), str) for r in records):
            return records
    said = client.session.said(answer)
    raise MalformedAnswer(f"{client.where} answers a query of {info.name} with no rows of it{said}; try again.")


def read_keys(client: Client, info: ObjectInfo, context: ReadContext, keys: Sequence[str]) -> None:
    """Spool the records with these ids, deleted ones included."""
    parts = soql.parts(info, longest_tail=LONGEST_IDS)
    for place in range(0, len(keys), IDS_A_QUERY):
        listed = ", ".join(f"'{key}'" for key in keys[place : place + IDS_A_QUERY] if key.isalnum())
        if listed and (records := _block(client, info, parts, [f"Id IN ({listed})"])):
            table, rejected = to_table(records, info, client.where)
            context.spool.rows(table)
            context.spool.reject(rejected)


def count(client: Client, info: ObjectInfo, window: Window) -> int:
    """How many rows the window has, deleted ones included."""
    answer = client.query(soql.select(info, ["COUNT()"], soql.within(info, window)))
    total = answer.get("totalSize") if isinstance(answer, dict) else None
    if not isinstance(total, int) or isinstance(total, bool):
        said = client.session.said(answer)
        raise MalformedAnswer(f"{client.where} answers a count of {info.name} with no number{said}; try again.")
    return total
