-- Grain: one row per day (UTC) and model, seed, snapshot or test that was run on it.
-- What is usual is the mean of up to fourteen days before on which it was run, so a slow day stands
-- out from its own past.

with

results as (
    select
        *,
        cast(started_at as date) as run_on
    from {{ source('dbt', 'dbt_results') }}
    where
        started_at is not null
        and status <> 'skipped'
),

days as (
    select
        run_on,
        node_id,
        max(node_name) as node_name,
        max(kind) as kind,
        max(owner) as owner,
        max(domain) as domain,
        count(*) as number_of_runs,
        sum(case when status in ('error', 'fail') then 1 else 0 end) as number_of_failed_runs,
        sum(seconds) as total_seconds,
        max(seconds) as longest_seconds,
        max(row_count) as row_count
    from results
    group by run_on, node_id
),

compared as (
    select
        *,
        sum(total_seconds) over (
            partition by node_id order by run_on rows between 14 preceding and 1 preceding
        ) as seconds_before,
        sum(number_of_runs) over (
            partition by node_id order by run_on rows between 14 preceding and 1 preceding
        ) as runs_before,
        row_number() over (
            partition by run_on order by total_seconds desc, node_id asc
        ) as rank_of_day
    from days
),

final as (
    select
        run_on,
        node_id,
        node_name,
        kind,
        owner,
        domain,
        number_of_runs,
        number_of_failed_runs,
        row_count,
        cast(total_seconds as decimal(18, 3)) as total_seconds,
        cast(longest_seconds as decimal(18, 3)) as longest_seconds,
        cast(total_seconds / number_of_runs as decimal(18, 3)) as mean_seconds,
        cast(seconds_before / runs_before as decimal(18, 3)) as usual_seconds,
        rank_of_day
    from compared
)

select * from final
