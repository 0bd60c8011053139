"""Which objects and fields exist now, as describe tells it and as queries may use it.

The company's schema decides, by its day; faults can hide a field (as field-level security does), add one, or change
one's type between two calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.company.schema import SALESFORCE, Field, SalesforceObject
from sandbox.faults import Faults
from sandbox.store import quoted, table_sql

NUMBERS = frozenset({"int", "double", "currency", "percent"})
_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
_STAMPED_BY_SYSTEM = frozenset(
    {"Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp", "MasterRecordId"}
)


@dataclass(frozen=True)
class Column:
    """A field and the SQL that reads it."""

    field: Field
    sql: str


@dataclass(frozen=True)
class ObjectView:
    """An object with the fields that can be seen now, by lower-cased name."""

    definition: SalesforceObject
    columns: Mapping[str, Column]

    @property
    def name(self) -> str:
        """The API name."""
        return self.definition.name

    @property
    def table(self) -> str:
        """The table, as SQL."""
        return table_sql(f"salesforce.{self.name}")

    @property
    def has_deleted(self) -> bool:
        """Whether rows can lie in the recycle bin; users cannot."""
        return "isdeleted" in self.columns

    def components(self, compound: Field) -> list[Field]:
        """The fields a compound field is made of."""
        return [column.field for column in self.columns.values() if column.field.compound == compound.name]


def _retyped(field: Field, type_: str) -> Field:
    precision, scale = {"double": (18, 2), "currency": (18, 2), "percent": (3, 0)}.get(type_, (0, 0))
    return replace(field, type=type_, precision=precision, scale=scale, length=255 if type_ == "string" else 0)


def _cast(sql: str, field: Field) -> str:
    target = {
        "boolean": "boolean",
        "int": "bigint",
        "double": "double",
        "currency": "double",
        "percent": "double",
        "date": "date",
        "datetime": "timestamp",
    }.get(field.type, "varchar")
    return f"try_cast({sql} as {target})"


def find(name: str, day: int, faults: Faults) -> ObjectView | None:
    """An object by its name in any case, or None when there is no such object."""
    by_lower = {key.lower(): value for key, value in SALESFORCE.items()}
    definition = by_lower.get(name.lower())
    if definition is None:
        return None
    columns = {field.name.lower(): Column(field, quoted(field.name)) for field in definition.on(day)}

    def about(fault: str) -> list[dict[str, Any]]:
        struck = faults.lasting(fault, "salesforce")
        return [options for options in struck if options["object"].lower() == definition.name.lower()]

    for options in about("hidden_field"):
        columns.pop(options["field"].lower(), None)
    for options in about("retyped_field"):
        column = columns.get(options["field"].lower())
        if column is not None:
            field = _retyped(column.field, options["type"])
            columns[field.name.lower()] = Column(field, _cast(column.sql, field))
    for options in about("added_field"):
        label = options["field"].removesuffix("__c").replace("_", " ")
        field = _retyped(Field(options["field"], "string", label), options["type"])
        value = "null" if options["value"] is None else "'" + str(options["value"]).replace("'", "''") + "'"
        columns[field.name.lower()] = Column(field, _cast(value, field))
    return ObjectView(definition, columns)


def describe_field(field: Field) -> dict[str, Any]:
    """A field as describe gives it."""
    text = field.type not in NUMBERS and field.type not in ("boolean", "date", "datetime", "address")
    writable = field.name not in _STAMPED_BY_SYSTEM and not field.calculated and field.type != "address"
    return {
        "aggregatable": field.type not in ("boolean", "address", "textarea"),
        "autoNumber": False,
        "byteLength": field.length * 3 if text else 0,
        "calculated": field.calculated,
        "calculatedFormula": None,
        "caseSensitive": False,
        "compoundFieldName": field.compound,
        "createable": writable,
        "custom": field.custom,
        "defaultValue": False if field.type == "boolean" else None,
        "deprecatedAndHidden": False,
        "digits": 8 if field.type == "int" else 0,
        "externalId": False,
        "filterable": field.type != "address",
        "groupable": field.type not in ("currency", "percent", "double", "datetime", "address", "textarea"),
        "idLookup": field.type == "id" or field.name == "Email",
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.nillable,
        "permissionable": field.custom,
        "picklistValues": [],
        "polymorphicForeignKey": len(field.reference_to) > 1,
        "precision": field.precision,
        "queryByDistance": field.type == "address",
        "referenceTo": list(field.reference_to),
        "relationshipName": field.name.removesuffix("Id") if field.type == "reference" else None,
        "restrictedPicklist": False,
        "scale": field.scale,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.type != "address",
        "type": field.type,
        "unique": False,
        "updateable": writable,
    }


def summary(definition: SalesforceObject, base: str) -> dict[str, Any]:
    """An object as the list of objects gives it; ``base`` is ``/services/data/vNN.N``."""
    url = f"{base}/sobjects/{definition.name}"
    history = definition.name == "OpportunityHistory"
    return {
        "activateable": False,
        "createable": not history,
        "custom": False,
        "customSetting": False,
        "deletable": not history and definition.name != "User",
        "deprecatedAndHidden": False,
        "feedEnabled": not history,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": definition.key_prefix,
        "label": definition.label,
        "labelPlural": definition.label_plural,
        "layoutable": not history,
        "mergeable": definition.name in ("Account", "Contact", "Lead"),
        "mruEnabled": not history,
        "name": definition.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": not history,
        "triggerable": not history,
        "undeletable": not history and definition.name != "User",
        "updateable": not history,
        "urls": {
            "rowTemplate": f"{url}/{{ID}}",
            "describe": f"{url}/describe",
            "sobject": url,
        },
    }


def describe(view: ObjectView, base: str) -> dict[str, Any]:
    """The whole describe answer of one object."""
    return {
        "actionOverrides": [],
        "childRelationships": [],
        **summary(view.definition, base),
        "compactLayoutable": True,
        "fields": [describe_field(column.field) for column in view.columns.values()],
        "namedLayoutInfos": [],
        "recordTypeInfos": [],
        "searchLayoutable": True,
        "supportedScopes": [{"label": f"All {view.definition.label_plural.lower()}", "name": "everything"}],
    }
