"""Rows over REST, in blocks of ids: a block is whole and agrees with itself, or it is read again.

A block is up to 2,000 rows in the order of their ids. Its pages must add up to what the server says they hold; when
the field list is too long for one URL, the parts of a block must show the same rows in the same versions, or a row
changed between two parts. So no row is dropped, and memory holds one block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from extract.source import MalformedAnswer, ObjectInfo, ReadContext, Window
from extract.sources.salesforce import settings, soql
from extract.sources.salesforce.client import Client, Refused
from extract.sources.salesforce.values import column

Record = dict[str, Any]
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
            context.spool.rows(to_table(records, info, client.where))
            context.progress(len(records))
        if len(records) < settings.REST_ROWS:
            return
        last = records[-1]["Id"]


def to_table(records: Sequence[Record], info: ObjectInfo, where: str) -> pa.Table:
    """Records as the object's columns. Raises MalformedAnswer naming the field that is absent or does not fit."""
    arrays = []
    for field in info.schema:
        api_name = info.fields[field.name]
        try:
            values = [record[api_name] for record in records]
            arrays.append(column(values, field.type))
        except KeyError:
            raise MalformedAnswer(f"{where} answers without the field {info.name}.{api_name}; try again.") from None
        except (ValueError, TypeError, ArithmeticError, pa.ArrowException):
            raise MalformedAnswer(
                f"{where} sends a value for {info.name}.{api_name} that is no {field.type}; "
                "look at the field's type in Salesforce and try again."
            ) from None
    return pa.Table.from_arrays(arrays, schema=info.schema)


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


def count(client: Client, info: ObjectInfo, window: Window) -> int:
    """How many rows the window has, deleted ones included."""
    answer = client.query(soql.select(info, ["COUNT()"], soql.within(info, window)))
    total = answer.get("totalSize") if isinstance(answer, dict) else None
    if not isinstance(total, int) or isinstance(total, bool):
        said = client.session.said(answer)
        raise MalformedAnswer(f"{client.where} answers a count of {info.name} with no number{said}; try again.")
    return total
