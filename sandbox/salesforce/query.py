"""What a parsed SOQL query means: checked against the object's fields and turned into DuckDB SQL.

SOQL's own rules live here: text compares without case, ids with it (15 or 18 characters), an empty string is null,
``!=`` and ``NOT IN`` keep nulls, nulls sort first in both directions, a datetime never compares with a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from sandbox.company.schema import Field
from sandbox.salesforce import ids
from sandbox.salesforce.catalog import NUMBERS, Column, ObjectView
from sandbox.salesforce.soql import (
    Aggregate,
    Comparison,
    Condition,
    FieldRef,
    FieldsOf,
    Junction,
    Literal,
    Not,
    Query,
    SoqlError,
    where_it_went_wrong,
)
from sandbox.store import quoted

_REST_MOMENT = "%Y-%m-%dT%H:%M:%S.%g+0000"
_BULK_MOMENT = "%Y-%m-%dT%H:%M:%S.%gZ"
_COMPOUND = "Selecting compound data not supported in Bulk Query"
_AGGREGATED = "Aggregate Relationships not supported in Bulk Query"


@dataclass(frozen=True)
class Output:
    """One column of the answer: its name there, and the compound field it stands for, if one."""

    name: str
    compound: Field | None = None


@dataclass(frozen=True)
class Compiled:
    """SQL with its parameters. REST rows carry a hidden first column: the record's id, for ``attributes.url``."""

    sql: str
    params: tuple[object, ...]
    outputs: tuple[Output, ...]


def unknown_object(query: Query) -> SoqlError:
    """What a query of an object that does not exist is told."""
    name = query.entity.name
    return SoqlError(
        "INVALID_TYPE",
        where_it_went_wrong(query.text, query.entity.position)
        + f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
        "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


class _Compiler:
    def __init__(self, query: Query, view: ObjectView, now: datetime) -> None:
        self.query = query
        self.view = view
        self.now = now
        self.params: list[object] = []

    def refuse(self, ref: FieldRef, message: str, code: str = "INVALID_FIELD") -> SoqlError:
        return SoqlError(code, where_it_went_wrong(self.query.text, ref.position) + message)

    def column(self, ref: FieldRef) -> Column:
        if "." in ref.name:
            relationship = ref.name.partition(".")[0]
            raise self.refuse(
                ref,
                f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a custom "
                "relationship, be sure to append the '__r' after the custom relationship name. Please reference your "
                "WSDL or the describe call for the appropriate names.",
            )
        column = self.view.columns.get(ref.name.lower())
        if column is None:
            raise self.refuse(
                ref,
                f"No such column '{ref.name}' on entity '{self.view.name}'. If you are attempting to use a custom "
                "field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the "
                "describe call for the appropriate names.",
            )
        return column

    # Conditions.

    def condition(self, node: Condition) -> str:
        match node:
            case Not(inner):
                return f"not coalesce({self.condition(inner)}, false)"
            case Junction(operator, parts):
                return "(" + f" {operator} ".join(self.condition(part) for part in parts) + ")"
            case Comparison():
                return self.comparison(node)

    def comparison(self, node: Comparison) -> str:
        column = self.column(node.field)
        field = column.field
        if field.type == "address":
            raise self.refuse(node.field, f"field '{field.name}' can not be filtered in a query call")
        values = [self.value(node.field, field, literal) for literal in node.values]
        operator = node.operator
        sql = self.comparable(column)
        if operator == "like":
            return self.like(node, column)
        if operator in ("<", "<=", ">", ">=") and (field.type == "boolean" or values[0] is None):
            raise self.refuse(node.field, f"invalid operator on {field.type} field", "INVALID_QUERY_FILTER_OPERATOR")
        if operator in ("=", "in", "!=", "not in"):
            negated = operator in ("!=", "not in")
            given = [value for value in values if value is not None]
            tests = []
            if given:
                self.params.extend(given)
                tests.append(f"{sql} in ({', '.join('?' * len(given))})")
            if len(given) < len(values):
                tests.append(f"{sql} is null")
            found = "(" + " or ".join(tests) + ")"
            return f"not coalesce({found}, false)" if negated else f"coalesce({found}, false)"
        self.params.append(values[0])
        return f"{sql} {operator} ?"

    def like(self, node: Comparison, column: Column) -> str:
        literal = node.values[0]
        if literal.kind != "string" or column.field.type in (
            *NUMBERS,
            "boolean",
            "date",
            "datetime",
            "id",
            "reference",
        ):
            raise self.refuse(
                node.field, f"invalid operator on {column.field.type} field", "INVALID_QUERY_FILTER_OPERATOR"
            )
        self.params.append(literal.pattern.lower())
        return f"coalesce(lower({column.sql}) like ? escape '\\', false)"

    def comparable(self, column: Column) -> str:
        """Text compares without case, and an empty string is null; ids and the rest as they are."""
        if column.field.type in (*NUMBERS, "boolean", "date", "datetime", "id", "reference"):
            return column.sql
        return f"nullif(lower({column.sql}), '')"

    def value(self, ref: FieldRef, field: Field, literal: Literal) -> object:
        if literal.kind == "null":
            return None
        match field.type:
            case "boolean":
                wanted, fine = "boolean", literal.kind == "boolean"
            case "datetime":
                wanted, fine = "dateTime", literal.kind in ("datetime", "relative")
            case "date":
                wanted, fine = "date", literal.kind in ("date", "relative")
            case kind if kind in NUMBERS:
                wanted, fine = kind, literal.kind == "number"
            case _:
                wanted, fine = "string", literal.kind == "string"
        if not fine:
            quotes = "should be" if wanted == "string" else "should not be"
            raise self.refuse(
                ref,
                f"value of filter criterion for field '{field.name}' must be of type {wanted} and {quotes} enclosed in "
                "quotes",
            )
        if literal.kind == "relative":
            day = self.relative(str(literal.value))
            return datetime.combine(day, time()) if field.type == "datetime" else day
        if field.type in ("id", "reference"):
            if literal.value == "":
                return None
            found = ids.normalised(str(literal.value))
            if found is None:
                raise self.refuse(ref, f"invalid ID field: {literal.value}", "INVALID_QUERY_FILTER_OPERATOR")
            return found
        if wanted == "string":
            return str(literal.value).lower() or None
        return literal.value

    def relative(self, text: str) -> date:
        """The day on which a relative date begins, by the server's clock."""
        today = self.now.date()
        word, _, number = text.partition(":")
        match word:
            case "LAST_N_DAYS":
                return today - timedelta(days=int(number))
            case "NEXT_N_DAYS":
                return today + timedelta(days=int(number))
            case "YESTERDAY":
                return today - timedelta(days=1)
            case "TOMORROW":
                return today + timedelta(days=1)
            case "LAST_WEEK":
                return today - timedelta(days=today.isoweekday() % 7 + 7)
            case "THIS_MONTH":
                return today.replace(day=1)
            case "LAST_MONTH":
                return (today.replace(day=1) - timedelta(days=1)).replace(day=1)
            case "THIS_YEAR":
                return today.replace(month=1, day=1)
        return today

    # Clauses.

    def tail(self, *, include_deleted: bool) -> str:
        where = []
        if not include_deleted and self.view.has_deleted:
            where.append("not coalesce(" + self.view.columns["isdeleted"].sql + ", false)")
        if self.query.where is not None:
            where.append(self.condition(self.query.where))
        return f" from {self.view.table}" + (" where " + " and ".join(where) if where else "")

    def order(self) -> str:
        keys = []
        for item in self.query.order_by:
            column = self.column(item.field)
            if column.field.type == "address":
                raise self.refuse(item.field, f"field '{column.field.name}' can not be sorted in a query call")
            nulls = "first" if item.nulls_first else "last"
            keys.append(f"{self.comparable(column)} {'desc' if item.descending else 'asc'} nulls {nulls}")
        return " order by " + ", ".join(keys) if keys else ""

    def cut(self) -> str:
        limit = f" limit {self.query.limit}" if self.query.limit is not None else ""
        return limit + (f" offset {self.query.offset}" if self.query.offset is not None else "")

    def fields(self) -> list[FieldRef]:
        found: list[FieldRef] = []
        for item in self.query.select:
            if isinstance(item, FieldRef):
                found.append(item)
            elif isinstance(item, FieldsOf):
                if item.group != "STANDARD" and (self.query.limit is None or self.query.limit > 200):
                    raise SoqlError(
                        "MALFORMED_QUERY",
                        f"The SOQL FIELDS function with {item.group} must have a LIMIT of at most 200",
                    )
                wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[item.group]
                found.extend(
                    FieldRef(column.field.name, item.position)
                    for column in self.view.columns.values()
                    if column.field.custom in wanted
                )
        seen: set[str] = set()
        for ref in found:
            if ref.name.lower() in seen:
                raise SoqlError("MALFORMED_QUERY", f"duplicate field selected: {ref.name}")
            seen.add(ref.name.lower())
        return found


def _rest(column: Column, float_integers: bool) -> str:
    match column.field.type:
        case "datetime":
            return f"strftime({column.sql}, '{_REST_MOMENT}')"
        case "date":
            return f"{column.sql}::varchar"
        case "int":
            return f"{column.sql}::double" if float_integers else column.sql
        case "double" | "currency" | "percent":
            return f"{column.sql}::double"
    return column.sql if column.field.type == "boolean" else f"nullif({column.sql}, '')"


def _csv(column: Column, float_integers: bool) -> str:
    match column.field.type:
        case "datetime":
            text = f"strftime({column.sql}, '{_BULK_MOMENT}')"
        case "int":
            text = f"{column.sql}::double::varchar" if float_integers else f"{column.sql}::varchar"
        case "double" | "currency" | "percent":
            text = f"{column.sql}::double::varchar"
        case _:
            text = f"{column.sql}::varchar"
    return f"coalesce({text}, '')"


def compile_count(query: Query, view: ObjectView, now: datetime, *, include_deleted: bool) -> Compiled:
    """``SELECT COUNT()``: one row, one number; LIMIT caps it as it caps rows."""
    compiler = _Compiler(query, view, now)
    rows = "select 1" + compiler.tail(include_deleted=include_deleted) + compiler.cut()
    return Compiled(f"select count(*) as n from ({rows})", tuple(compiler.params), (Output("n"),))


def _compile_aggregate(compiler: _Compiler, include_deleted: bool) -> Compiled:
    query = compiler.query
    grouped = {ref.name.lower(): compiler.column(ref) for ref in query.group_by}
    outputs: list[Output] = []
    expressions: list[str] = []
    unnamed = 0
    for item in query.select:
        if isinstance(item, FieldRef):
            column = compiler.column(item)
            if item.name.lower() not in grouped:
                message = f"Field must be grouped or aggregated: {column.field.name}"
                raise compiler.refuse(item, message, "MALFORMED_QUERY")
            outputs.append(Output(column.field.name))
            expressions.append(_rest(column, False))
        elif isinstance(item, Aggregate):
            name = item.alias
            if name is None:
                name = f"expr{unnamed}"
                unnamed += 1
            outputs.append(Output(name))
            if item.field is None:
                raise SoqlError("MALFORMED_QUERY", "Grouped query cannot select COUNT()")
            column = compiler.column(item.field)
            function = {"COUNT": "count({})", "COUNT_DISTINCT": "count(distinct {})"}.get(
                item.function, item.function.lower() + "({})"
            )
            if item.function.startswith("COUNT"):
                expressions.append(function.format(column.sql))
            elif item.function in ("SUM", "AVG") and column.field.type not in NUMBERS:
                message = f"field {column.field.name} does not support aggregate operator {item.function}"
                raise compiler.refuse(item.field, message, "MALFORMED_QUERY")
            else:
                expressions.append(_rest(replace(column, sql=function.format(column.sql)), False))
    selected = ", ".join(f"{sql} as c{n}" for n, sql in enumerate(expressions))
    sql = f"select {selected}" + compiler.tail(include_deleted=include_deleted)
    if grouped:
        sql += " group by " + ", ".join(column.sql for column in grouped.values())
        sql += " order by " + ", ".join(f"{column.sql} nulls first" for column in grouped.values())
    return Compiled(sql + compiler.cut(), tuple(compiler.params), tuple(outputs))


def compile_rest(
    query: Query, view: ObjectView, now: datetime, *, include_deleted: bool, float_integers: bool = False
) -> Compiled:
    """A query as the REST API runs it: values as JSON has them, compound fields as structs.

    Raises SoqlError for anything the object does not have.
    """
    compiler = _Compiler(query, view, now)
    if query.is_aggregate:
        return _compile_aggregate(compiler, include_deleted)
    outputs: list[Output] = []
    expressions = [f"{quoted('Id')} as record_id"]
    for ref in compiler.fields():
        column = compiler.column(ref)
        name = f"c{len(outputs)}"
        if column.field.type == "address":
            parts = ", ".join(
                f"{quoted(part.name.removeprefix(column.field.name.removesuffix('Address')))} := {quoted(part.name)}"
                for part in view.components(column.field)
            )
            expressions.append(f"struct_pack({parts}) as {name}")
            outputs.append(Output(column.field.name, column.field))
        else:
            expressions.append(f"{_rest(column, float_integers)} as {name}")
            outputs.append(Output(column.field.name))
    tail = compiler.tail(include_deleted=include_deleted)
    sql = f"select {', '.join(expressions)}{tail}{compiler.order()}{compiler.cut()}"
    return Compiled(sql, tuple(compiler.params), tuple(outputs))


def compile_bulk(
    query: Query, view: ObjectView, now: datetime, *, include_deleted: bool, float_integers: bool = False
) -> Compiled:
    """A query as Bulk API 2.0 runs it: every value text, null and '' alike. Raises SoqlError for what Bulk refuses."""
    if query.is_aggregate or query.is_plain_count:
        raise SoqlError("API_ERROR", _AGGREGATED)
    if query.offset is not None:
        raise SoqlError("API_ERROR", "OFFSET is not supported in Bulk Query")
    if any(isinstance(item, FieldsOf) for item in query.select):
        raise SoqlError("API_ERROR", "FIELDS() is not supported in Bulk Query")
    compiler = _Compiler(query, view, now)
    outputs: list[Output] = []
    expressions: list[str] = []
    for ref in compiler.fields():
        column = compiler.column(ref)
        if column.field.type == "address":
            raise SoqlError("API_ERROR", _COMPOUND)
        expressions.append(f"{_csv(column, float_integers)} as c{len(outputs)}")
        outputs.append(Output(column.field.name))
    tail = compiler.tail(include_deleted=include_deleted)
    sql = f"select {', '.join(expressions)}{tail}{compiler.order()}{compiler.cut()}"
    return Compiled(sql, tuple(compiler.params), tuple(outputs))


_ADDRESS_EMPTY = {
    "city": None,
    "country": None,
    "geocodeAccuracy": None,
    "latitude": None,
    "longitude": None,
    "postalCode": None,
    "state": None,
    "street": None,
}


def _address(parts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A compound address as REST gives it; null when no part is filled."""
    given = {name[:1].lower() + name[1:]: value for name, value in (parts or {}).items()}
    return _ADDRESS_EMPTY | given if any(value is not None for value in given.values()) else None


def rest_records(
    rows: pa.Table, compiled: Compiled, entity: str, base: str, *, aggregate: bool
) -> list[dict[str, Any]]:
    """Rows of a REST query as JSON records, ``attributes`` first; ``base`` is ``/services/data/vNN.N``."""
    columns = [column.to_pylist() for column in rows.columns]
    records: list[dict[str, Any]] = []
    names = [output.name for output in compiled.outputs]
    if aggregate:
        attributes = {"type": "AggregateResult"}
        return [{"attributes": attributes, **dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]
    for n, output in enumerate(compiled.outputs, start=1):
        if output.compound is not None:
            columns[n] = [_address(parts) for parts in columns[n]]
    prefix = f"{base}/sobjects/{entity}/"
    for row in zip(*columns, strict=True):
        record: dict[str, Any] = {"attributes": {"type": entity, "url": prefix + row[0]}}
        record.update(zip(names, row[1:], strict=True))
        records.append(record)
    return records
