-- Grain: one row per day, source, event, version, rule, place and outcome.
-- A message counts on the day it came first, once under each rule it breaks.

with

violations as (
    select * from {{ ref('int_ops__event_violations') }}
),

counted as (
    select
        cast(first_seen_at as date) as violation_date,
        event_source,
        event_name,
        event_version,
        outcome,
        violated_rule,
        violated_path,
        count(distinct message_id) as number_of_events,
        count(distinct case when is_settled then message_id end) as number_of_replayed_events,
        sum(attempts) as number_of_deliveries,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from violations
    group by
        cast(first_seen_at as date), event_source, event_name, event_version, outcome,
        violated_rule, violated_path
),

final as (
    select
        cast(
            {{ sha256_hex(
                "cast(violation_date as " ~ dbt.type_string() ~ ") || '|' || event_source || '|' || outcome"
                ~ " || '|' || violated_rule || '|' || coalesce(event_version, '') || '|' || violated_path || '|' || event_name"
            ) }} as {{ dbt.type_string() }}
        ) as violation_key,

        cast(event_source as {{ dbt.type_string() }}) as event_source,
        cast(event_name as {{ dbt.type_string() }}) as event_name,
        cast(event_version as {{ dbt.type_string() }}) as event_version,
        cast(violated_rule as {{ dbt.type_string() }}) as violated_rule,
        cast(violated_path as {{ dbt.type_string() }}) as violated_path,
        cast(outcome as {{ dbt.type_string() }}) as outcome,

        cast(number_of_events as {{ dbt.type_bigint() }}) as number_of_events,
        cast(number_of_replayed_events as {{ dbt.type_bigint() }}) as number_of_replayed_events,
        cast(number_of_deliveries as {{ dbt.type_bigint() }}) as number_of_deliveries,

        cast(violation_date as date) as violation_date,
        cast(first_seen_at as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(last_seen_at as {{ dbt.type_timestamp() }}) as last_seen_at
    from counted
)

select * from final
