-- Braid on Snowflake, set up once by an administrator: compute by workload, limits of what it may cost, roles, and how long the
-- past is kept. Read it, change names, sizes and quotas to yours, and run it as a whole; a second run changes nothing that is
-- there, but for the view at the end. No credentials are in it: keys are registered as profiles.yml.example says.

use role accountadmin;

-- Compute. Each workload has its own, so that a load never waits for a dashboard, and each has its own line on the bill. A
-- warehouse is billed by the second and for a minute at least, each time it wakes.
create warehouse if not exists braid_loading
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 3600
    comment = 'Braid: extraction and landing. COPY and MERGE of increments, which a larger one would not hasten.';

create warehouse if not exists braid_building
    warehouse_size = 'SMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 3600
    comment = 'Braid: dbt, all models but the large ones.';

create warehouse if not exists braid_building_large
    warehouse_size = 'LARGE' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 3600
    comment = 'Braid: dbt, links, clusters, pairs, events and sessions (SNOWFLAKE_LARGE_WAREHOUSE).';

create warehouse if not exists braid_reading
    warehouse_size = 'XSMALL' auto_suspend = 120 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 300
    comment = 'Braid: dashboards and people who read.';

-- Limits, in credits a month. At 80 % somebody is told, at 100 % what runs may end, at 110 % it is ended.
create resource monitor if not exists braid_pipeline with
    credit_quota = 150 frequency = monthly start_timestamp = immediately
    triggers on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

create resource monitor if not exists braid_readers with
    credit_quota = 50 frequency = monthly start_timestamp = immediately
    triggers on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

alter warehouse braid_loading set resource_monitor = braid_pipeline;
alter warehouse braid_building set resource_monitor = braid_pipeline;
alter warehouse braid_building_large set resource_monitor = braid_pipeline;
alter warehouse braid_reading set resource_monitor = braid_readers;

-- Who may what: one role writes, one reads marts.
create role if not exists braid_writer;
create role if not exists braid_reader;

-- Administrators have what these have: the view at the end is made in a schema that the writer owns. Users are yours to add:
-- grant role braid_writer to user ...;
grant role braid_writer to role sysadmin;
grant role braid_reader to role sysadmin;

create database if not exists braid data_retention_time_in_days = 1;

grant usage on warehouse braid_loading to role braid_writer;
grant usage on warehouse braid_building to role braid_writer;
grant usage on warehouse braid_building_large to role braid_writer;
grant usage on warehouse braid_reading to role braid_reader;
grant usage on database braid to role braid_writer;
grant create schema on database braid to role braid_writer;
grant usage on database braid to role braid_reader;

-- The past. Models are transient: a build makes them again, so they have a day of time travel and no fail-safe. What no build
-- makes again (the books, the ledger of ids, snapshots) is permanent and can be taken back for a week, which needs the
-- Enterprise edition: on Standard, write 1. Raw tables have the database's day, and the fail-safe.
create schema if not exists braid.ops data_retention_time_in_days = 7;
create schema if not exists braid.identity data_retention_time_in_days = 7;
create schema if not exists braid.snapshots data_retention_time_in_days = 7;
create schema if not exists braid.marts data_retention_time_in_days = 1;

grant ownership on schema braid.ops to role braid_writer copy current grants;
grant ownership on schema braid.identity to role braid_writer copy current grants;
grant ownership on schema braid.snapshots to role braid_writer copy current grants;
grant ownership on schema braid.marts to role braid_writer copy current grants;

grant usage on schema braid.marts to role braid_reader;
-- Those that are there, where Braid was built before, and those to come.
grant select on all tables in schema braid.marts to role braid_reader;
grant select on all views in schema braid.marts to role braid_reader;
grant select on future tables in schema braid.marts to role braid_reader;
grant select on future views in schema braid.marts to role braid_reader;

-- What each query cost, by the node of dbt that its tag names: what the view ops_model_costs reads. It stays the
-- administrator's, since only he sees the account's usage. If Braid was built before, first: drop table braid.ops.query_costs;
create or replace view braid.ops.query_costs as
select
    cast(get_path(try_parse_json(query_tag), 'node_id') as varchar) as node_id,
    cast(convert_timezone('UTC', start_time) as timestamp_ntz) as started_at,
    warehouse_name,
    credits_attributed_compute + coalesce(credits_used_query_acceleration, 0) as credits
from snowflake.account_usage.query_attribution_history
where query_tag like '{"app": "braid"%';

grant select on view braid.ops.query_costs to role braid_writer;
