-- Identity's tables of the first customer, and Braid's own books.
insert into identity.customer_master_provenance by name
select format('cus_{:024x}', 1) as customer_id, field, field_value, 'salesforce contact' as record_source,
    'salesforce:contact:003A' as record_key, 'most_recent' as survivorship_rule, 2 as number_of_records,
    1 as number_of_lost_values, timestamp '2025-06-01' as record_updated_at
from (values ('email', 'grace.byron1@example.com'), ('given_name', 'Grace'), ('family_name', 'Byron')) as t(field, field_value);
insert into identity.customer_xref_current by name
select format('cus_{:024x}', 1) as customer_id, unnest(['salesforce:contact:003A', 'hubspot:contact:101', 'segment:user:u_1']) as record_key,
    timestamp '2025-01-05' as valid_from;
insert into identity.customer_id_lookup by name
select format('cus_{:024x}', 1) as customer_id, format('cus_{:024x}', 1) as living_customer_id, 'salesforce:contact:003A' as anchor_record_key,
    true as is_living, timestamp '2025-01-05' as issued_at;
insert into identity.int_identity__records by name
select record_key, split_part(record_key, ':', 1) || ' ' || split_part(record_key, ':', 2) as record_source,
    'Grace' as given_name, 'Byron' as family_name, timestamp '2025-01-04' as created_at, false as is_deleted
from identity.customer_xref_current;
insert into identity.int_identity__decided_links by name
select 'salesforce:contact:003A' as record_key_a, unnest(['hubspot:contact:101', 'segment:user:u_1']) as record_key_b,
    'email' as link_rule, 'grace.byron1@example.com' as evidence, 1.0 as score,
    1 as rule_priority;
insert into identity.int_identity__sightings by name
select record_key, 'email' as link_rule, 'grace.byron1@example.com' as evidence, timestamp '2025-01-04' as first_seen_at
from identity.customer_xref_current;
insert into identity.int_identity__ranked_values by name
select format('cus_{:024x}', 1) as customer_id, 'email' as field, 'grace.byron1@example.com' as field_value,
    'salesforce:contact:003A' as record_key, 'most_recent' as survivorship_rule, 2 as frequency, 1 as trust_rank,
    1 as survivorship_rank;
insert into identity.customer_ids by name
select format('cus_{:024x}', 1) as customer_id, 'minted' as change_type, 'records' as cause, timestamp '2025-01-05' as changed_at,
    1 as change_number;
insert into identity.identity_gate by name
select measure, measured, most, false as is_over
from (values ('customers_in_one', 2, 6), ('largest_records', 41, 500), ('merged_customers', 3, 100)) as t(measure, measured, most);
insert into identity.identity_builds by name
select range as build_number, timestamp '2025-12-01 02:00' + to_days(cast(range as integer)) as built_at,
    900 + range as number_of_customers, 41 as largest_records, 0 as number_of_decisions from range(1, 31);
insert into identity.identity_diff by name
select 'merged' as change_type, format('cus_{:024x}', 1) as customer_id, 2 as number_of_customers, 2 as records_before, 3 as records_after,
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
-- Thirty runs of dbt: the first test passes always, the second broke three runs ago, the third wavers, the fourth warns.
insert into ops.dbt_results by name
select 'run ' || run as invocation_id, timestamp '2025-12-02 03:00' + to_days(cast(run as integer)) as invoked_at, 'build' as command,
    true as is_whole, 'test.braid.' || test_name as node_id, test_name as node_name, 'test' as kind, tested_node, severity, owner,
    case test_name
        when 'not_null_fct_orders_currency' then case when run < 27 then 'pass' else 'fail' end
        when 'relationships_fct_touches_customer_id' then case when run // 4 % 2 = 0 then 'pass' else 'warn' end
        when 'assert_rates_are_there' then 'warn'
        else 'pass' end as status,
    case status when 'pass' then 0 else 3 + run % 4 end as failures, invoked_at as started_at, 0.2 as seconds
from range(30) as t(run), (values ('unique_dim_customers_customer_id', 'dim_customers', 'error', 'data'),
    ('not_null_fct_orders_currency', 'fct_orders', 'error', 'finance'),
    ('relationships_fct_touches_customer_id', 'fct_touches', 'warn', 'marketing'),
    ('assert_rates_are_there', 'fct_orders', 'warn', 'finance')) as tests(test_name, tested_node, severity, owner);
