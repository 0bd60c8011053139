"""A company of any size in raw tables, as extraction would have landed it: SQL, seeded by hashes, a minute a million.

Of a hundred persons sixty are Salesforce contacts and sixty HubSpot contacts, so that twenty are both; five in six use
the web shop, half of them signed in. For each person there are two opportunities (seven in ten Salesforce's) and ten
events. What a day brings is 1 % more of everything, and the stage of as many older opportunities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import sessions_speed

EVENTS_EACH = 10
OPPORTUNITIES_EACH = 2
ORDERS_EACH = 0.3
# Days from the first row to the last.
HISTORY = 700
STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost")
DEAL_STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "closedwon", "closedlost")
NOW = "timestamp '2026-02-01'"
# Names enough that no column becomes a handful of values.
GIVEN = "['Ada', 'Ben', 'Cleo', 'Dov', 'Ewa', 'Finn', 'Gro', 'Hal', 'Ida', 'Jon', 'Kim', 'Leo', 'Mia', 'Noa', 'Ola']"
FAMILY = "['Ash', 'Berg', 'Cole', 'Dahl', 'Elm', 'Frey', 'Gold', 'Holt', 'Iver', 'Juul']"


@dataclass(frozen=True)
class Part:
    """Persons from ``first`` to ``last``, of ``people`` in all, landed ``landing`` days after the first load."""

    first: int
    last: int
    people: int
    landing: int

    @property
    def stamp(self) -> str:
        """When the rows came in; no row of theirs is older than what was landed before."""
        return f"{NOW} + interval {self.landing} day"


def tables(part: Part) -> Iterator[tuple[str, str]]:
    """Each raw table with the query of its rows."""
    people = f"select range as p, hash(range * 7919) as draw from range({part.first}, {part.last})"
    created = _created(part, "draw")
    meta = f"{part.stamp} as _extracted_at, false as _is_deleted"
    accounts = max(part.people // 10, 1)
    mail = "'p' || p || '@mail' || p % 97 || '.example'"
    phone = "'+4930' || lpad(cast(p as varchar), 8, '0')"
    given, family = (
        f"({GIVEN})[1 + cast(draw % 15 as integer)]",
        f"({FAMILY})[1 + cast(p % 10 as integer)] || p // 5000",
    )
    if part.first == 0:
        yield (
            "raw_salesforce.user",
            f"""
            select '005' || range as id, 'rep' || range || '@shop.example' as email, 'Rep ' || range as name,
                true as is_active, {NOW} - interval {HISTORY} day as created_date, {meta} from range(200)""",
        )
        yield (
            "raw_salesforce.account",
            f"""
            select '001' || range as id, 'Company ' || range as name, 'DE' as billing_country,
                '005' || range % 200 as owner_id, {NOW} - interval {HISTORY} day as created_date,
                {part.stamp} as system_modstamp, {meta} from range({accounts})""",
        )
        yield (
            "raw_salesforce.campaign",
            f"""
            select '701' || range as id, 'Campaign ' || range as name, 'Email' as type, true as is_active,
                {NOW} - interval {HISTORY} day as created_date, {meta} from range(100)""",
        )
        yield (
            "raw_hubspot.companies",
            f"""
            select cast(range as varchar) as id, 'Company ' || range as name, 'DE' as country,
                {NOW} - interval {HISTORY} day as createdate, {meta} from range({accounts})""",
        )
        yield (
            "raw_hubspot.pipelines",
            f"""
            select 'default' as id, 'deals' as object_type, 'Sales' as label, 0 as display_order, {meta}""",
        )
        yield (
            "raw_hubspot.pipeline_stages",
            " union all ".join(
                f"""select '{stage}' as id, 'default' as pipeline_id, '{stage}' as label, {place} as display_order,
                {place / 5} as probability, {str(place > 2).lower()} as is_closed, {meta}"""
                for place, stage in enumerate(DEAL_STAGES)
            ),
        )
    yield (
        "raw_salesforce.contact",
        f"""
        select '003' || p as id, '001' || p % {accounts} as account_id, {given} as first_name, {family} as last_name,
            {mail} as email, {phone} as phone, 'user-' || p as web_user_id__c,
            p % 500 || ' High Street' as mailing_street, 'Berlin' as mailing_city, 'DE' as mailing_country,
            '005' || p % 200 as owner_id, {created} as created_date, {part.stamp} as system_modstamp, {meta}
        from ({people}) where p % 100 < 60""",
    )
    yield (
        "raw_hubspot.contacts",
        f"""
        select cast(p as varchar) as id, cast(p % {accounts} as varchar) as associatedcompanyid,
            {given} as firstname, {family} as lastname, {mail} as email, if(p % 3 = 0, {phone}, null) as phone,
            if(p % 100 >= 60, 'user-' || p, null) as web_user_id, 'Berlin' as city, 'DE' as country,
            {created} as createdate, {part.stamp} as updated_at, {part.stamp} as lastmodifieddate, {meta}
        from ({people}) where p % 100 >= 40""",
    )
    yield (
        "raw_salesforce.campaign_member",
        f"""
        select '00v' || p as id, '701' || draw % 100 as campaign_id, '003' || p as contact_id, 'Sent' as status,
            draw % 4 = 0 as has_responded, {created} as created_date, {part.stamp} as system_modstamp, {meta}
        from ({people}) where p % 100 < 60 and draw % 2 = 0""",
    )
    yield (
        "raw_files.orders",
        f"""
        select 'shop' as dataset, 'o' || p || '-' || line // 2 as order_id, cast(line as varchar) as line_id,
            {mail} as email, {created} + interval 30 day as ordered_at, 'sku' || (draw + line) % 5000 as product_id,
            1 + draw % 3 as quantity, (draw % 9000) / 100 as unit_price,
            (1 + draw % 3) * (draw % 9000) / 100 as amount, 'EUR' as currency, 'Germany' as country, {meta}
        from ({people}), (select range as line from range(4)) where hash(p) % 20 < 3""",
    )
    yield from _pipeline(part, meta)


def _pipeline(part: Part, meta: str) -> Iterator[tuple[str, str]]:
    """Opportunities, deals and what their stages were."""
    numbers = f"range({part.first * OPPORTUNITIES_EACH}, {part.last * OPPORTUNITIES_EACH})"
    made = f"select range as o, range % {part.people} as p, hash(range * 104729) as draw from {numbers}"
    created = _created(part, "draw")
    stage, moved = "cast(draw % 5 as integer)", "if(step = 0, 0, cast(draw % 5 as integer))"
    yield (
        "raw_salesforce.opportunity",
        f"""
        select '006' || o as id, '001' || p % {max(part.people // 10, 1)} as account_id,
            if(p % 100 < 60, '003' || p, null) as contact_id, '701' || draw % 100 as campaign_id,
            'Opportunity ' || o as name, ({list(STAGES)!r})[1 + {stage}] as stage_name, draw % 100000 / 100 as amount,
            draw % 100 as probability, cast({created} + interval 60 day as date) as close_date,
            draw % 5 >= 3 as is_closed, draw % 5 = 3 as is_won, '005' || draw % 200 as owner_id,
            {created} as created_date, {part.stamp} as last_modified_date, {part.stamp} as system_modstamp, {meta}
        from ({made}) where o % 10 < 7""",
    )
    yield (
        "raw_salesforce.opportunity_history",
        f"""
        select '008' || o || '-' || step as id, '006' || o as opportunity_id,
            ({list(STAGES)!r})[1 + {moved}] as stage_name, draw % 100000 / 100 as amount,
            draw % 100 as probability, '005' || draw % 200 as created_by_id,
            {created} + interval (20 * step) day as created_date, {part.stamp} as system_modstamp, {meta}
        from ({made}), (select range as step from range(2)) where o % 10 < 7""",
    )
    yield (
        "raw_hubspot.deals",
        f"""
        select cast(o as varchar) as id, 'Deal ' || o as dealname, cast(draw % 100000 as double) / 100 as amount,
            ({list(DEAL_STAGES)!r})[1 + {stage}] as dealstage, 'default' as pipeline, 'EUR' as deal_currency_code,
            draw % 5 >= 3 as hs_is_closed, draw % 5 = 3 as hs_is_closed_won, {created} + interval 60 day as closedate,
            {created} as createdate, {part.stamp} as updated_at, {part.stamp} as hs_lastmodifieddate, {meta}
        from ({made}) where o % 10 >= 7""",
    )
    yield (
        "raw_hubspot.deals_history",
        f"""
        select cast(o as varchar) as id, 'dealstage' as property, {created} + interval (20 * step) day as changed_at,
            ({list(DEAL_STAGES)!r})[1 + {moved}] as value, 'CRM_UI' as source_type, {meta}
        from ({made}), (select range as step from range(2)) where o % 10 >= 7""",
    )
    yield (
        "raw_hubspot.associations",
        f"""
        select 'deals' as from_object_type, cast(o as varchar) as from_id, 'contacts' as to_object_type,
            cast(p as varchar) as to_id, 3 as type_id, 'HUBSPOT_DEFINED' as category, {meta}
        from ({made}) where o % 10 >= 7 and p % 100 >= 40""",
    )


def _created(part: Part, draw: str) -> str:
    """Some moment of the history; of a later part, of its day."""
    days = f"cast({draw} // 13 % {HISTORY} as integer)" if part.first == 0 else "0"
    return f"{part.stamp} - interval ({days}) day - interval (1 + cast({draw} // 7 % 80000 as integer)) second"


def land(database: Path, part: Part) -> dict[str, int]:
    """Put a part's rows into the raw tables, and change as many older opportunities; rows by table."""
    rows: dict[str, int] = {}
    with duckdb.connect(str(database), config={"threads": 2, "preserve_insertion_order": False}) as connection:
        for name, query in tables(part):
            rows[name] = _inserted(connection, name, query)
        events = sessions_speed.MADE.format(
            first=part.first * EVENTS_EACH, last=part.last * EVENTS_EACH, size=part.people * EVENTS_EACH,
            days=sessions_speed.DAYS if part.first == 0 else 1, landing=24 * part.landing,
            start=f"({sessions_speed.LAST_DAY} + interval {part.landing} day)",
        )  # fmt: skip
        rows["raw_events.events"] = _inserted(connection, "raw_events.events", events)
        if part.first:
            changed = (
                f"update raw_salesforce.opportunity set stage_name = 'Closed Won', is_closed = true, is_won = true,"
                f" last_modified_date = {part.stamp}, system_modstamp = {part.stamp}, _extracted_at = {part.stamp}"
                f" where hash(id) % 100 = 0 and _extracted_at < {part.stamp}"
            )
            rows["raw_salesforce.opportunity, changed"] = _count(connection, changed)
    return rows


def _inserted(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> int:
    return _count(connection, f"insert into {name} by name select * from ({query})")


def _count(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    ((count,),) = connection.execute(statement).fetchall()
    return int(count)
