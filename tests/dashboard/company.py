"""A serving copy without a build: every mart with the columns of its contract, filled with a company of any size.

Tables are made from the yml of the models, so a page that reads a column no contract has fails here. Rows come from
DuckDB's own arithmetic on row numbers: the same for everybody, and 100,000 customers in a few seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import yaml

from extract.books import BOOKS

ROOT = Path(__file__).resolve().parents[2]
_TYPES = {"string": "varchar", "timestamp": "timestamp", "date": "date", "boolean": "boolean", "bigint": "bigint",
          "double": "double"}  # fmt: skip
CHANNELS = "['organic_search', 'email', 'paid_search', 'direct', 'social', 'referral']"
STAGES = "['Prospecting', 'Qualification', 'Proposal', 'Negotiation', 'Closed Won', 'Closed Lost']"
MODELS = "['first_touch', 'last_touch', 'last_non_direct', 'linear', 'position_based', 'time_decay', 'shapley']"
FIRST = "['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken', 'Radia', 'Tim', 'Lynn', 'Niklaus']"
LAST = "['Byron', 'Hopper', 'Turing', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Perlman', 'Conway', 'Wirth', 'Naur']"

_FILL = """
insert into marts.customer_360 by name
select
    format('cus_{{:024x}}', i) as customer_id,
    format('{{}}.{{}}{{}}@example.com', lower(first), lower(last), i) as email,
    format('+1503206{{:04d}}', i % 10000) as phone,
    first || ' ' || last as full_name,
    'Company ' || (i % 997) as company,
    ['US', 'DE', 'FR', 'GB'][1 + i % 4] as country,
    'USD' as opportunity_currency, 'USD' as order_currency,
    {channels}[1 + (i * 7) % 6] as first_touch_channel, {channels}[1 + i % 6] as last_touch_channel,
    0 as pipeline_value, 0 as won_value, 0 as open_opportunities, 0 as won_opportunities,
    0 as opportunities_in_other_currencies,
    case when i % 3 < 2 then 40 + (i * 37) % 400 + 0.25 else 0 end as lifetime_value,
    case when i % 3 < 2 then 1 + i % 4 else 0 end as number_of_orders,
    case when i = 4 then 2 else 0 end as orders_in_other_currencies,
    true as has_live_record, true as is_identified, i % 9 = 0 as has_opted_out_of_email,
    timestamp '2025-01-01' + to_days(cast((i * 13) % 360 as integer)) as first_seen_at,
    case when i % 3 < 2 then timestamp '2025-01-03' + to_days(cast((i * 13) % 360 as integer)) end as first_ordered_at,
    first_ordered_at as last_ordered_at,
    timestamp '2025-12-31 12:00' - to_minutes(i) as last_activity_at
from (
    select range as i, {first}[1 + range % 12] as first, {last}[1 + (range // 12) % 11] as last from range(1, {people} + 1)
);
insert into marts.fct_orders by name
select
    'segment:order:' || range as order_key, 'segment' as source_system, 'o' || range as order_id,
    format('cus_{{:024x}}', 1 + (range * 7919) % {people}) as customer_id, ['US', 'DE'][1 + range % 2] as country,
    case when range % 10 = 0 then 'EUR' else 'USD' end as currency,
    (case when range % 50 = 0 then -1 else 1 end) * ((range * 31) % 9000 + 990) / 100.0 as amount,
    1 as number_of_lines, range % 50 = 0 as is_cancellation,
    timestamp '2025-01-01 08:00' + to_minutes(cast((range * 7717) % 518400 as integer)) as ordered_at
from range({people} * 3);
insert into marts.customer_rfm by name
select customer_id, order_currency as currency, lifetime_value as net_amount, cast(first_ordered_at as date) as first_purchase_day,
    date '2025-12-31' as cutoff_day
from marts.customer_360 where number_of_orders > 0;
insert into marts.customer_value_scores by name
select customer_id, currency, 0.5 as probability_alive, net_amount * 0.4 as expected_value, 365 as horizon_days, cutoff_day
from marts.customer_rfm;
insert into marts.fct_opportunities by name
select
    system || ':opportunity:' || i as opportunity_key, system as source_system, cast(i as varchar) as opportunity_id,
    format('cus_{{:024x}}', 1 + (i * 104729) % {people}) as customer_id, 'owner ' || (i % 12) as owner_id,
    'Deal ' || i as opportunity_name, stage as stage_name,
    case when i % 8 = 7 then 'EUR' else 'USD' end as currency,
    case when i % 40 = 11 then null else 500 + (i * 977) % 90000 + 0.5 end as amount,
    case stage when 'Closed Won' then 1 when 'Closed Lost' then 0 else 0.1 * (1 + i % 6) end as probability,
    amount * probability as expected_amount,
    case when is_closed and system = 'salesforce' then 86400 * (10 + i % 80) end as seconds_to_close,
    is_closed, stage = 'Closed Won' as is_won, i % 60 = 13 as is_deleted,
    date '2025-02-01' + cast((i * 17) % 330 as integer) as close_on,
    timestamp '2025-01-10' + to_days(cast((i * 17) % 300 as integer)) as created_at,
    cast(close_on as timestamp) as stage_entered_at
from (
    select range as i, {stages}[1 + (range * 5) % 6] as stage, starts_with(stage, 'Closed') as is_closed,
        ['salesforce', 'hubspot'][1 + (range // 6) % 2] as system
    from range({people} * 2)
);
insert into marts.fct_channel_returns by name
select
    model as attribution_model, month_of, channel, '(none)' as campaign_name, 'USD' as currency,
    (1 + length(model) * length(channel) % 13 + month(month_of)) as conversions,
    conversions * 83.25 as won_amount,
    case when channel in ('paid_search', 'social') then 700 + 50 * month(month_of) else 0 end as spent_amount
from (select unnest({models}) as model), (select unnest({channels}) as channel),
    (select cast(unnest(generate_series(date '2025-01-01', date '2025-12-01', interval 1 month)) as date) as month_of);
insert into marts.fct_funnel_conversions by name
select
    funnel as funnel_name, entered_on, number as step_number, names[number] as step_name,
    100 + dayofyear(entered_on) % 23 as customers_entered,
    cast(floor(customers_entered * list_extract([1.0, 0.47, 0.21], number)) as bigint) as customers_reached
from (
    select 'purchase' as funnel, ['product_viewed', 'product_added', 'order_completed'] as names
    union all select 'activation', ['signed_up', 'order_completed']
), (select cast(unnest(generate_series(date '2025-10-01', date '2025-12-31', interval 1 day)) as date) as entered_on),
    (select unnest([1, 2, 3]) as number)
where number <= len(names);
insert into marts.fct_retention by name
select
    cohort_month, cast(cohort_month + to_months(cast(months_since as integer)) as date) as active_month, months_since,
    200 + 10 * month(cohort_month) as customers_in_cohort,
    cast(floor(customers_in_cohort / (1 + months_since * 0.9)) as bigint) as customers_active,
    active_month < date '2025-12-01' as is_complete
from (select cast(unnest(generate_series(date '2025-03-01', date '2025-12-01', interval 1 month)) as date) as cohort_month),
    (select range as months_since from range(12))
where cohort_month + to_months(cast(months_since as integer)) <= date '2025-12-01';
insert into marts.fct_engagement by name
select active_on, 40 + dayofyear(active_on) % 17 as daily_active_customers,
    150 + dayofyear(active_on) % 31 as weekly_active_customers, 400 + dayofyear(active_on) % 57 as monthly_active_customers,
    daily_active_customers / monthly_active_customers as stickiness
from (select cast(unnest(generate_series(date '2025-07-01', date '2025-12-31', interval 1 day)) as date) as active_on);
insert into marts.fct_touches by name
select 'segment:session:' || range as touch_key, format('cus_{{:024x}}', 1 + (range * 31) % {people}) as customer_id,
    case when range % 5 = 0 then 'campaign_response' else 'web_session' end as touch_type, {channels}[1 + range % 6] as channel,
    'https://shop.example.com/p/' || (range % 40) as landing_url,
    timestamp '2025-01-02' + to_minutes(cast((range * 7919) % 510000 as integer)) as touched_at
from range({people} * 5);
"""
_WHO = "format('cus_{:024x}', 1)"
_IDENTITY = f"""
insert into identity.customer_master_provenance by name
select {_WHO} as customer_id, field, field_value, 'salesforce contact' as record_source,
    'salesforce:contact:003A' as record_key, 'most_recent' as survivorship_rule, 2 as number_of_records,
    1 as number_of_lost_values, timestamp '2025-06-01' as record_updated_at
from (values ('email', 'grace.byron1@example.com'), ('given_name', 'Grace'), ('family_name', 'Byron')) as t(field, field_value);
insert into identity.customer_xref_current by name
select {_WHO} as customer_id, unnest(['salesforce:contact:003A', 'hubspot:contact:101', 'segment:user:u_1']) as record_key,
    timestamp '2025-01-05' as valid_from;
insert into identity.customer_id_lookup by name
select {_WHO} as customer_id, {_WHO} as living_customer_id, 'salesforce:contact:003A' as anchor_record_key,
    true as is_living, timestamp '2025-01-05' as issued_at;
insert into identity.int_identity__records by name
select record_key, split_part(record_key, ':', 1) || ' ' || split_part(record_key, ':', 2) as record_source,
    'Grace' as given_name, 'Byron' as family_name, timestamp '2025-01-04' as created_at, false as is_deleted
from identity.customer_xref_current;
insert into identity.int_identity__decided_links by name
select 'salesforce:contact:003A' as record_key_a, unnest(['hubspot:contact:101', 'segment:user:u_1']) as record_key_b,
    'email' as link_rule, 'grace.byron1@example.com' as evidence, 1 as rule_priority;
insert into identity.int_identity__sightings by name
select record_key, 'email' as link_rule, 'grace.byron1@example.com' as evidence, timestamp '2025-01-04' as first_seen_at
from identity.customer_xref_current;
insert into identity.int_identity__ranked_values by name
select {_WHO} as customer_id, 'email' as field, 'grace.byron1@example.com' as field_value,
    'salesforce:contact:003A' as record_key, 'most_recent' as survivorship_rule, 2 as frequency, 1 as trust_rank,
    1 as survivorship_rank;
insert into identity.customer_ids by name
select {_WHO} as customer_id, 'minted' as change_type, 'records' as cause, timestamp '2025-01-05' as changed_at,
    1 as change_number;
insert into identity.identity_gate by name
select measure, measured, most, false as is_over
from (values ('customers_in_one', 2, 6), ('largest_records', 41, 500), ('merged_customers', 3, 100)) as t(measure, measured, most);
insert into identity.identity_builds by name
select range as build_number, timestamp '2025-12-01 02:00' + to_days(cast(range as integer)) as built_at,
    900 + range as number_of_customers, 41 as largest_records, 0 as number_of_decisions from range(1, 31);
insert into identity.identity_diff by name
select 'merged' as change_type, {_WHO} as customer_id, 2 as number_of_customers, 2 as records_before, 3 as records_after,
    'email' as identifier_type, 'grace.byron1@example.com' as identifier_value, 2 as number_of_records, false as is_over;
insert into staging.int_ops__judged_schema_changes by name
select 'salesforce' as source, 'Contact' as object, 'Loyalty__c' as column_name, 'column_added' as change,
    'string' as new_type, timestamp '2025-12-30 02:00' as noticed_at, 'warn' as severity, false as is_accepted;
create schema raw; create table raw.contacts (_is_deleted boolean); insert into raw.contacts select false from range(1234);
insert into ops.extract_runs by name
select 'r' || range as run_id, 'salesforce' as source, 'Contact' as object, 'raw' as table_schema, 'contacts' as table_name,
    moment as started_at, moment as looked_at, moment as finished_at, 'succeeded' as status, 12 as rows_landed,
    'proven' as proof, moment as complete_to
from (select range, timestamp '2025-12-30 02:00' + to_days(cast(range as integer)) as moment from range(2));
insert into ops.extract_runs by name
select 'f1' as run_id, 'hubspot' as source, 'contacts' as object, timestamp '2025-12-31 02:00' as started_at,
    timestamp '2025-12-31 02:00' as finished_at, 'failed' as status, 'HubSpot answered 502 five times.' as error;
insert into ops.quarantine by name
select 'q' || range as quarantine_id, 'salesforce' as source, 'Contact' as object, 'email_is_text' as rule,
    'Email is a number.' as reason, timestamp '2025-12-30' as quarantined_at, 'open' as status from range(7);
"""


def made(file: Path, people: int = 600, *, fill: bool = True) -> Path:
    """A serving copy at ``file``; without rows unless ``fill``."""
    with duckdb.connect(str(file)) as connection:
        for schema, folder in (("marts", "marts"), ("identity", "identity"), ("staging", "ops")):
            connection.execute(f"create schema if not exists {schema}")
            for model in _models(ROOT / "models" / folder):
                columns = ", ".join(f'"{one["name"]}" {_type(one)}' for one in model["columns"])
                connection.execute(f'create table {schema}."{model["name"]}" ({columns})')
        connection.execute("create schema ops")
        for name, columns in BOOKS.items():
            connection.register("shape", columns.empty_table())
            connection.execute(f"create table ops.{name.name} as select * from shape")
            connection.unregister("shape")
        if fill:
            lists = {"channels": CHANNELS, "stages": STAGES, "models": MODELS, "first": FIRST, "last": LAST}
            connection.execute(_FILL.format(people=people, **lists))
            connection.execute(_IDENTITY)
    return file


def _models(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.rglob("_*__models.yml"))
    return [model for file in files for model in yaml.safe_load(file.read_text()).get("models", []) if "columns" in model]


def _type(column: dict[str, Any]) -> str:
    """As the contract says; of what has none, as the name says."""
    if given := column.get("data_type"):
        return _TYPES.get(given, given)
    name = str(column["name"])
    if name.startswith(("is_", "has_")):
        return "boolean"
    if name.endswith(("_at", "_from", "_to")) and not name.endswith("_email_from"):
        return "timestamp"
    counted = ("number_of_", "records_", "frequency", "measured", "most", "approved_most", "survivorship_rank", "trust_rank")
    if name.startswith(counted) or name.endswith(("_number", "_records", "_priority", "_rank")):
        return "bigint"
    return "double" if name == "score" else "varchar"
