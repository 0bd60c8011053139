-- Grain: one row per table that brought something twice.
-- How long it is since rows came, up to the newest thing in the books, against the gaps between
-- loads before. The second longest gap is within limits: what happened twice, as weekends do, is
-- usual; one outage is not.

with

loads as (
    select
        *,
        lag(loaded_at) over (
            partition by table_name order by loaded_at asc, run_id asc
        ) as loaded_before_at
    from {{ ref('int_ops__loads') }}
    where is_news
),

-- Time goes on where runs fail or bring nothing, too.
books as (
    select max(heard_at) as as_of
    from (
        select max(finished_at) as heard_at
        from {{ source('ops', 'extract_runs') }}

        union all

        select max(invoked_at) as heard_at
        from {{ source('dbt', 'dbt_results') }}
    ) as heard
),

tables as (
    select
        load_days.table_name,
        load_days.owner,
        load_days.severity,
        load_days.sensitivity,
        load_days.history_days,
        load_days.least_days,
        load_days.least_hours,
        load_days.history_from,
        max(loads.loaded_at) as last_loaded_at
    from {{ ref('int_ops__load_days') }} as load_days
    inner join loads
        on
            load_days.table_name = loads.table_name
            and load_days.loaded_on = loads.loaded_on
    group by
        load_days.table_name,
        load_days.owner,
        load_days.severity,
        load_days.sensitivity,
        load_days.history_days,
        load_days.least_days,
        load_days.least_hours,
        load_days.history_from
),

gaps as (
    select
        tables.table_name,
        loads.loaded_before_at,
        {{ dbt.datediff(
            'loads.loaded_before_at', 'loads.loaded_at', 'second'
        ) }} / 3600.0 as hours,
        row_number() over (
            partition by tables.table_name
            order by
                {{ dbt.datediff(
                    'loads.loaded_before_at', 'loads.loaded_at', 'second'
                ) }} desc,
                loads.loaded_at asc,
                loads.run_id asc
        ) as longest_first
    from tables
    inner join loads
        on
            tables.table_name = loads.table_name
            and {{ dbt.datediff(
                'loads.loaded_before_at', 'tables.last_loaded_at', 'day'
            ) }} <= tables.history_days
            and (
                cast(loads.loaded_before_at as date) >= tables.history_from
                or tables.history_from is null
            )
),

middles as (
    select
        table_name,
        median(hours) as usual,
        count(*) as number_of_gaps,
        min(loaded_before_at) as known_from,
        max(case when longest_first = 2 then hours end) as second_longest
    from gaps
    group by table_name
),

spreads as (
    select
        gaps.table_name,
        middles.usual,
        middles.number_of_gaps,
        middles.known_from,
        middles.second_longest,
        greatest(1.4826 * median(abs(gaps.hours - middles.usual)), middles.usual / 20) as spread
    from gaps
    inner join middles
        on gaps.table_name = middles.table_name
    group by
        gaps.table_name,
        middles.usual,
        middles.number_of_gaps,
        middles.known_from,
        middles.second_longest
),

limits as (
    select
        tables.table_name,
        tables.severity,
        tables.owner,
        tables.last_loaded_at,
        {{ dbt.datediff(
            'tables.last_loaded_at', 'books.as_of', 'second'
        ) }} / 3600.0 as hours,
        spreads.usual,
        spreads.number_of_gaps,
        spreads.number_of_gaps >= 10
        and {{ dbt.datediff(
            'spreads.known_from', 'tables.last_loaded_at', 'day'
        ) }}
        >= tables.least_days as is_known,
        greatest(
            spreads.usual + greatest(tables.sensitivity * spreads.spread, tables.least_hours),
            spreads.second_longest + tables.least_hours
        ) as highest
    from tables
    cross join books
    inner join spreads
        on tables.table_name = spreads.table_name
),

final as (
    select
        table_name,
        'hours_since_rows' as measure,
        case
            when not is_known then 'unknown'
            when hours > highest then 'late'
            else 'usual'
        end as verdict,
        severity,
        owner,
        cast(last_loaded_at as date) as judged_on,
        cast(hours as decimal(18, 2)) as measured,
        cast(usual as decimal(18, 2)) as usual,
        cast(null as decimal(18, 2)) as lowest,
        cast(highest as decimal(18, 2)) as highest,
        'loads' as compared_with,
        number_of_gaps as number_compared
    from limits
)

select * from final
