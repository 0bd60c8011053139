-- Grain: one row per test that is in the project.
-- A test is gone when the newest build of everything did not have it; before the first such build
-- all are there.

with

results as (
    select
        *,
        status = 'pass' as is_passed
    from {{ source('dbt', 'dbt_results') }}
    where kind = 'test'
),

newest_whole as (
    select max(invoked_at) as invoked_at
    from {{ source('dbt', 'dbt_results') }}
    where is_whole
),

present as (
    select results.node_id
    from results
    cross join newest_whole
    group by results.node_id, newest_whole.invoked_at
    having
        max(results.invoked_at) >= newest_whole.invoked_at
        or newest_whole.invoked_at is null
),

-- Skipped is no outcome: the table was not built.
numbered as (
    select
        *,
        lag(is_passed) over (
            partition by node_id order by invoked_at asc, invocation_id asc
        ) as was_passed,
        row_number() over (
            partition by node_id order by invoked_at desc, invocation_id desc
        ) as newest_first,
        max(case when is_passed then invoked_at end) over (
            partition by node_id
        ) as last_passed_at
    from results
    where status in ('pass', 'warn', 'fail', 'error')
),

-- The last thirty runs say whether a test wavers.
counted as (
    select
        node_id,
        count(*) as recent_runs,
        sum(case when is_passed then 0 else 1 end) as recent_bad_runs,
        -- The oldest of the thirty is compared with nothing.
        sum(
            case when is_passed <> was_passed and newest_first < 30 then 1 else 0 end
        ) as recent_turns
    from numbered
    where newest_first <= 30
    group by node_id
),

bad_since as (
    select
        node_id,
        min(invoked_at) as bad_since
    from numbered
    where
        not is_passed
        and (invoked_at > last_passed_at or last_passed_at is null)
    group by node_id
),

final as (
    select
        numbered.node_id as test_id,
        numbered.node_name as test_name,
        numbered.tested_node,
        numbered.severity,
        numbered.owner,
        numbered.domain,
        numbered.status as last_status,
        numbered.failures as last_failures,
        numbered.invoked_at as last_run_at,
        numbered.last_passed_at,
        bad_since.bad_since,
        numbered.seconds as last_seconds,
        counted.recent_runs,
        counted.recent_bad_runs,
        counted.recent_turns,
        counted.recent_turns >= 3 as is_flaky
    from numbered
    inner join present
        on numbered.node_id = present.node_id
    inner join counted
        on numbered.node_id = counted.node_id
    left join bad_since
        on numbered.node_id = bad_since.node_id
    where numbered.newest_first = 1
)

select * from final
