-- Grain: one row per day (UTC) and model, seed, snapshot or test that was run on it.
-- Seconds are dbt's, on every warehouse. Credits are Snowflake's, by query tag, and come hours
-- later: null until they do.

with

timings as (
    select * from {{ ref('ops_node_timings') }}
),

credits as (
    select
        node_id,
        cast(started_at as date) as run_on,
        sum(credits) as credits
    from {{ source('dbt', 'query_costs') }}
    where node_id is not null
    group by node_id, cast(started_at as date)
),

final as (
    select
        timings.run_on,
        timings.node_id,
        timings.node_name,
        timings.kind,
        timings.owner,
        timings.domain,
        timings.number_of_runs,
        timings.row_count,
        timings.total_seconds,
        cast(
            timings.total_seconds
            / nullif(sum(timings.total_seconds) over (partition by timings.run_on), 0)
            as decimal(9, 6)
        ) as share_of_seconds,
        cast(credits.credits as decimal(18, 9)) as credits
    from timings
    left join credits
        on
            timings.node_id = credits.node_id
            and timings.run_on = credits.run_on
)

select * from final
