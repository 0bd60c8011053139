"""Every table of the company, column by column, with what the vendors' metadata calls say of each column.

One list serves three readers: the generator builds its tables by it, the APIs render describe and properties
from it, and tests compare both. A column may arrive later than day 1 (``since``), so a schema always belongs to a day.

Types follow the metadata: ``currency`` and ``percent`` are decimals of their precision and scale, HubSpot numbers
have no precision and are doubles, moments are naive UTC microseconds. Compound addresses are described by the API
but hold no column of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

MOMENT: Final = pa.timestamp("us")


@dataclass(frozen=True)
class Field:
    """A Salesforce field as describe gives it; lengths in characters, ``precision`` in digits.

    ``compound`` names the compound field it is a part of; ``since`` is the first day on which the field exists.
    """

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    calculated: bool = False
    nillable: bool = True
    reference_to: tuple[str, ...] = ()
    compound: str | None = None
    since: int = 1

    @property
    def custom(self) -> bool:
        """Whether an administrator made it."""
        return self.name.endswith("__c")

    @property
    def arrow(self) -> pa.DataType | None:
        """The column's Arrow type, or None for a compound field, which has no column."""
        match self.type:
            case "address":
                return None
            case "boolean":
                return pa.bool_()
            case "int":
                return pa.int64()
            case "double" | "currency" | "percent":
                return pa.decimal128(self.precision, self.scale)
            case "date":
                return pa.date32()
            case "datetime":
                return MOMENT
            case _:
                return pa.string()


@dataclass(frozen=True)
class SalesforceObject:
    """A Salesforce object: API name, the three characters its ids begin with, its fields in describe's order."""

    name: str
    key_prefix: str
    label: str
    label_plural: str
    fields: tuple[Field, ...]

    def on(self, day: int) -> tuple[Field, ...]:
        """The fields that exist on this day, compound ones included."""
        return tuple(field for field in self.fields if field.since <= day)


@dataclass(frozen=True)
class Property:
    """A HubSpot property as ``/crm/v3/properties`` gives it."""

    name: str
    type: str
    field_type: str
    label: str
    calculated: bool = False

    @property
    def arrow(self) -> pa.DataType:
        """The column's Arrow type."""
        match self.type:
            case "number":
                return pa.float64()
            case "bool":
                return pa.bool_()
            case "datetime":
                return MOMENT
            case "date":
                return pa.date32()
            case _:
                return pa.string()


# Salesforce labels do not follow from API names where an administrator never sees the API name.
_LABELS: Final = {
    "Id": "{} ID",
    "IsDeleted": "Deleted",
    "MasterRecordId": "Master Record ID",
    "OwnerId": "Owner ID",
    "NumberOfEmployees": "Employees",
    "WhoId": "Name ID",
    "WhatId": "Related To ID",
    "StageName": "Stage",
    "ForecastCategoryName": "Forecast Category",
    "HasOptedOutOfEmail": "Email Opt Out",
    "ActivityDate": "Due Date Only",
}


def _label(name: str, of: str) -> str:
    if name in _LABELS:
        return _LABELS[name].format(of)
    words = name.removesuffix("__c").replace("_", " ")
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)
    return re.sub(r"\bId$", "ID", re.sub(r"^Is ", "", spaced))


def _field(
    of: str,
    name: str,
    kind: str,
    *,
    to: tuple[str, ...] = (),
    compound: str | None = None,
    calculated: bool = False,
    nillable: bool = True,
    length: int | None = None,
    since: int = 1,
) -> Field:
    lengths = {"id": 18, "reference": 18, "string": 255, "email": 80, "phone": 40, "url": 255, "picklist": 255}
    precision, scale = {"currency": (18, 2), "percent": (3, 0), "int": (0, 0)}.get(kind, (0, 0))
    return Field(
        name=name,
        type=kind,
        label=_label(name, of),
        length=length if length is not None else lengths.get(kind, 0),
        precision=precision,
        scale=scale,
        calculated=calculated,
        nillable=nillable and kind not in ("id", "boolean"),
        reference_to=to,
        compound=compound,
        since=since,
    )


def _address(of: str, prefix: str) -> list[Field]:
    whole = f"{prefix}Address"
    return [
        _field(of, f"{prefix}Street", "textarea", compound=whole, length=255),
        _field(of, f"{prefix}City", "string", compound=whole, length=40),
        _field(of, f"{prefix}PostalCode", "string", compound=whole, length=20),
        _field(of, f"{prefix}Country", "string", compound=whole, length=80),
    ]


def _names(of: str) -> list[Field]:
    return [
        _field(of, "FirstName", "string", compound="Name", length=40),
        _field(of, "LastName", "string", compound="Name", length=80, nillable=False),
        _field(of, "Name", "string", length=121, nillable=False),
    ]


def _head(of: str, *, master: bool = False, deleted: bool = True) -> list[Field]:
    fields = [_field(of, "Id", "id")]
    if deleted:
        fields.append(_field(of, "IsDeleted", "boolean"))
    if master:
        fields.append(_field(of, "MasterRecordId", "reference", to=(of,)))
    return fields


def _stamps(of: str) -> list[Field]:
    return [
        _field(of, name, "datetime", nillable=False) for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    ]


def _owner(of: str) -> Field:
    return _field(of, "OwnerId", "reference", to=("User",), nillable=False)


def _account() -> list[Field]:
    of = "Account"
    return [
        *_head(of, master=True),
        _field(of, "Name", "string", nillable=False),
        _field(of, "Type", "picklist"),
        _field(of, "Industry", "picklist"),
        _field(of, "NumberOfEmployees", "int"),
        _field(of, "AnnualRevenue", "currency"),
        _field(of, "Website", "url"),
        _field(of, "Phone", "phone"),
        *_address(of, "Billing"),
        _field(of, "BillingAddress", "address"),
        # A formula over the billing country: its value changes when the formula does, and no stamp moves.
        _field(of, "Region__c", "string", calculated=True, length=1300),
        _owner(of),
        *_stamps(of),
    ]


def _contact() -> list[Field]:
    of = "Contact"
    return [
        *_head(of, master=True),
        _field(of, "AccountId", "reference", to=("Account",)),
        *_names(of),
        _field(of, "Email", "email"),
        _field(of, "Phone", "phone"),
        _field(of, "MobilePhone", "phone"),
        _field(of, "Title", "string", length=128),
        _field(of, "Birthdate", "date"),
        *_address(of, "Mailing"),
        _field(of, "MailingAddress", "address"),
        _field(of, "LeadSource", "picklist"),
        _field(of, "HasOptedOutOfEmail", "boolean"),
        _field(of, "Web_User_Id__c", "string", length=64),
        _owner(of),
        *_stamps(of),
        _field(of, "Segment_Tier__c", "string", length=32, since=2),
    ]


def _lead() -> list[Field]:
    of = "Lead"
    return [
        *_head(of, master=True),
        *_names(of),
        _field(of, "Company", "string", nillable=False),
        _field(of, "Email", "email"),
        _field(of, "Phone", "phone"),
        _field(of, "MobilePhone", "phone"),
        _field(of, "Title", "string", length=128),
        _field(of, "Status", "picklist", nillable=False),
        _field(of, "LeadSource", "picklist"),
        _field(of, "Street", "textarea", compound="Address", length=255),
        _field(of, "City", "string", compound="Address", length=40),
        _field(of, "PostalCode", "string", compound="Address", length=20),
        _field(of, "Country", "string", compound="Address", length=80),
        _field(of, "IsConverted", "boolean"),
        _field(of, "ConvertedDate", "date"),
        _field(of, "ConvertedAccountId", "reference", to=("Account",)),
        _field(of, "ConvertedContactId", "reference", to=("Contact",)),
        _field(of, "ConvertedOpportunityId", "reference", to=("Opportunity",)),
        _owner(of),
        *_stamps(of),
    ]


def _opportunity() -> list[Field]:
    of = "Opportunity"
    return [
        *_head(of),
        _field(of, "AccountId", "reference", to=("Account",)),
        _field(of, "ContactId", "reference", to=("Contact",)),
        _field(of, "CampaignId", "reference", to=("Campaign",)),
        _field(of, "Name", "string", length=120, nillable=False),
        _field(of, "StageName", "picklist", nillable=False),
        _field(of, "Amount", "currency"),
        _field(of, "Probability", "percent"),
        _field(of, "ExpectedRevenue", "currency", calculated=True),
        _field(of, "CloseDate", "date", nillable=False),
        _field(of, "Type", "picklist"),
        _field(of, "LeadSource", "picklist"),
        _field(of, "ForecastCategoryName", "picklist"),
        _field(of, "IsClosed", "boolean"),
        _field(of, "IsWon", "boolean"),
        _owner(of),
        *_stamps(of),
    ]


def _opportunity_history() -> list[Field]:
    of = "OpportunityHistory"
    return [
        *_head(of),
        _field(of, "OpportunityId", "reference", to=("Opportunity",), nillable=False),
        _field(of, "StageName", "picklist"),
        _field(of, "Amount", "currency"),
        _field(of, "ExpectedRevenue", "currency"),
        _field(of, "Probability", "percent"),
        _field(of, "ForecastCategory", "picklist"),
        _field(of, "CloseDate", "date"),
        _field(of, "CreatedById", "reference", to=("User",), nillable=False),
        _field(of, "CreatedDate", "datetime", nillable=False),
        _field(of, "SystemModstamp", "datetime", nillable=False),
    ]


def _campaign() -> list[Field]:
    of = "Campaign"
    return [
        *_head(of),
        _field(of, "Name", "string", length=80, nillable=False),
        _field(of, "Type", "picklist"),
        _field(of, "Status", "picklist"),
        _field(of, "StartDate", "date"),
        _field(of, "EndDate", "date"),
        _field(of, "IsActive", "boolean"),
        _field(of, "BudgetedCost", "currency"),
        _field(of, "ActualCost", "currency"),
        _owner(of),
        *_stamps(of),
    ]


def _campaign_member() -> list[Field]:
    of = "CampaignMember"
    return [
        *_head(of),
        _field(of, "CampaignId", "reference", to=("Campaign",), nillable=False),
        _field(of, "LeadId", "reference", to=("Lead",)),
        _field(of, "ContactId", "reference", to=("Contact",)),
        _field(of, "Status", "picklist"),
        _field(of, "HasResponded", "boolean"),
        _field(of, "FirstRespondedDate", "date"),
        *_stamps(of),
    ]


def _user() -> list[Field]:
    of = "User"
    return [
        *_head(of, deleted=False),
        _field(of, "Username", "string", length=80, nillable=False),
        *_names(of),
        _field(of, "Email", "email", length=128, nillable=False),
        _field(of, "IsActive", "boolean"),
        *_stamps(of),
    ]


def _activity(of: str) -> list[Field]:
    return [
        *_head(of),
        _field(of, "WhoId", "reference", to=("Contact", "Lead")),
        _field(of, "WhatId", "reference", to=("Account", "Opportunity")),
        _field(of, "AccountId", "reference", to=("Account",)),
        _owner(of),
        _field(of, "Subject", "string"),
    ]


def _task() -> list[Field]:
    of = "Task"
    return [
        *_activity(of),
        _field(of, "Status", "picklist", nillable=False),
        _field(of, "Priority", "picklist", nillable=False),
        _field(of, "TaskSubtype", "picklist"),
        _field(of, "ActivityDate", "date"),
        _field(of, "IsClosed", "boolean"),
        *_stamps(of),
    ]


def _event() -> list[Field]:
    of = "Event"
    return [
        *_activity(of),
        _field(of, "Location", "string"),
        _field(of, "StartDateTime", "datetime"),
        _field(of, "EndDateTime", "datetime"),
        *_stamps(of),
    ]


SALESFORCE: Final[Mapping[str, SalesforceObject]] = {
    name: SalesforceObject(name, prefix, label, plural, tuple(fields))
    for name, prefix, label, plural, fields in (
        ("Account", "001", "Account", "Accounts", _account()),
        ("Contact", "003", "Contact", "Contacts", _contact()),
        ("Lead", "00Q", "Lead", "Leads", _lead()),
        ("Opportunity", "006", "Opportunity", "Opportunities", _opportunity()),
        ("OpportunityHistory", "008", "Opportunity: Stage History", "Opportunity History", _opportunity_history()),
        ("Campaign", "701", "Campaign", "Campaigns", _campaign()),
        ("CampaignMember", "00v", "Campaign Member", "Campaign Members", _campaign_member()),
        ("User", "005", "User", "Users", _user()),
        ("Task", "00T", "Task", "Tasks", _task()),
        ("Event", "00U", "Event", "Events", _event()),
    )
}


def _properties(rows: str) -> tuple[Property, ...]:
    """One property a line: ``name type/fieldType Label``; an asterisk after the type marks a calculated one."""
    found = []
    for line in rows.strip().splitlines():
        name, kind, label = line.split(maxsplit=2)
        type_, field_type = kind.removesuffix("*").split("/")
        found.append(Property(name, type_, field_type, label, calculated=kind.endswith("*")))
    return tuple(found)


HUBSPOT_PROPERTIES: Final[Mapping[str, tuple[Property, ...]]] = {
    "contacts": _properties("""
        email string/text Email
        firstname string/text First Name
        lastname string/text Last Name
        phone string/phonenumber Phone Number
        mobilephone string/phonenumber Mobile Phone Number
        company string/text Company Name
        jobtitle string/text Job Title
        address string/text Street Address
        city string/text City
        zip string/text Postal Code
        country string/text Country/Region
        lifecyclestage enumeration/radio Lifecycle Stage
        hs_lead_status enumeration/radio Lead Status
        hs_analytics_source enumeration/select Original Traffic Source
        hs_email_optout bool/booleancheckbox Unsubscribed from all email
        hubspot_owner_id enumeration/select Contact owner
        associatedcompanyid string/text Primary Associated Company ID
        salesforcecontactid string/text Salesforce Contact ID
        web_user_id string/text Web user id
        hs_merged_object_ids enumeration/checkbox Merged record IDs
        num_associated_deals number/number* Number of Associated Deals
        createdate datetime/date Create Date
        lastmodifieddate datetime/date Last Modified Date
        hs_object_id string/text Record ID
        """),
    "companies": _properties("""
        name string/text Company name
        domain string/text Company Domain Name
        industry enumeration/select Industry
        numberofemployees number/number Number of Employees
        annualrevenue number/number Annual Revenue
        phone string/phonenumber Phone Number
        city string/text City
        country string/text Country/Region
        lifecyclestage enumeration/radio Lifecycle Stage
        hubspot_owner_id enumeration/select Company owner
        createdate datetime/date Create Date
        hs_lastmodifieddate datetime/date Last Modified Date
        hs_object_id string/text Record ID
        """),
    "deals": _properties("""
        dealname string/text Deal Name
        amount number/number Amount
        dealstage enumeration/radio Deal Stage
        pipeline enumeration/select Pipeline
        dealtype enumeration/radio Deal Type
        closedate datetime/date Close Date
        deal_currency_code enumeration/select Currency
        hs_is_closed bool/booleancheckbox* Is Deal Closed?
        hs_is_closed_won bool/booleancheckbox* Is Closed Won
        hs_deal_stage_probability number/number* Deal probability
        hubspot_owner_id enumeration/select Deal owner
        createdate datetime/date Create Date
        hs_lastmodifieddate datetime/date Last Modified Date
        hs_object_id string/text Record ID
        """),
}


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


_HUBSPOT_COMMON: Final = _schema(
    id=pa.string(), created_at=MOMENT, updated_at=MOMENT, archived=pa.bool_(), archived_at=MOMENT
)

# One value of a property from a moment on; an empty value is one that was cleared.
_HUBSPOT_HISTORY: Final = _schema(
    id=pa.string(),
    property=pa.string(),
    changed_at=MOMENT,
    value=pa.string(),
    source_type=pa.string(),
    source_id=pa.string(),
    source_label=pa.string(),
    updated_by_user_id=pa.int64(),
)

_FIXED: Final[Mapping[str, pa.Schema]] = {
    **{f"hubspot.{name}_history": _HUBSPOT_HISTORY for name in ("contacts", "companies", "deals")},
    "hubspot.owners": _schema(
        id=pa.string(),
        email=pa.string(),
        first_name=pa.string(),
        last_name=pa.string(),
        user_id=pa.int64(),
        created_at=MOMENT,
        updated_at=MOMENT,
        archived=pa.bool_(),
    ),
    "hubspot.pipelines": _schema(
        id=pa.string(),
        object_type=pa.string(),
        label=pa.string(),
        display_order=pa.int64(),
        created_at=MOMENT,
        updated_at=MOMENT,
        archived=pa.bool_(),
    ),
    "hubspot.pipeline_stages": _schema(
        id=pa.string(),
        pipeline_id=pa.string(),
        label=pa.string(),
        display_order=pa.int64(),
        probability=pa.float64(),
        is_closed=pa.bool_(),
        created_at=MOMENT,
        updated_at=MOMENT,
        archived=pa.bool_(),
    ),
    "hubspot.associations": _schema(
        from_object_type=pa.string(),
        from_id=pa.string(),
        to_object_type=pa.string(),
        to_id=pa.string(),
        type_id=pa.int64(),
        category=pa.string(),
        label=pa.string(),
    ),
    "segment.profiles": _schema(user_id=pa.string(), traits=pa.string()),
    "segment.profile_external_ids": _schema(
        user_id=pa.string(),
        type=pa.string(),
        id=pa.string(),
        collection=pa.string(),
        source_id=pa.string(),
        created_at=MOMENT,
        encoding=pa.string(),
    ),
    # payload: the whole call as the SDK sent it and Segment stamped it, JSON text.
    "segment.events": _schema(received_at=MOMENT, payload=pa.string(), source_id=pa.string()),
    "truth.records": _schema(
        record_key=pa.string(),
        system=pa.string(),
        object=pa.string(),
        record_id=pa.string(),
        person_id=pa.string(),
    ),
    "truth.people": _schema(
        person_id=pa.string(),
        has_typo_or_changed_email=pa.bool_(),
        has_second_contact=pa.bool_(),
        shares_phone=pa.bool_(),
        browses_anonymously_first=pa.bool_(),
        uses_nickname=pa.bool_(),
        shares_device=pa.bool_(),
        has_junk_identifier=pa.bool_(),
    ),
}

NOISE: Final[tuple[str, ...]] = tuple(name for name in _FIXED["truth.people"].names if name != "person_id")

TABLES: Final[tuple[str, ...]] = (
    *(f"salesforce.{name}" for name in SALESFORCE),
    *(f"hubspot.{name}" for name in HUBSPOT_PROPERTIES),
    *_FIXED,
)


def schema_of(table: str, day: int = 1) -> pa.Schema:
    """The Arrow schema of a table (``salesforce.Contact``, ``hubspot.deals``, ...) as it is on a day.

    Raises KeyError for a table the company does not have.
    """
    if table in _FIXED:
        return _FIXED[table]
    system, _, name = table.partition(".")
    if system == "salesforce":
        fields = SALESFORCE[name].on(day)
        return _schema(**{field.name: field.arrow for field in fields if field.arrow is not None})
    if system == "hubspot":
        own = _schema(**{prop.name: prop.arrow for prop in HUBSPOT_PROPERTIES[name]})
        return pa.schema([*_HUBSPOT_COMMON, *own])
    raise KeyError(table)
