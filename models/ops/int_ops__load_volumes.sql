-- Grain: one row per table and judged day: the newest day that is over, and the newest day while it
-- goes on. A day is compared with the same weekday where the past has four of it, else with all its
-- days; then it must lie outside all of them too, or every Sunday would be news. A day that goes on
-- can only have too many rows, not too few.

with

days as (
    select * from {{ ref('int_ops__load_days') }}
    where rows_brought is not null
),

-- The newest thing in the books says which day it is.
books as (
    select cast(max(loaded_at) as date) as today
    from {{ ref('int_ops__loads') }}
),

ranked as (
    select
        days.*,
        days.loaded_on = books.today as is_going_on,
        row_number() over (
            partition by days.table_name, days.loaded_on = books.today order by days.loaded_on desc
        ) as newest_first
    from days
    cross join books
    where {{ dbt.datediff(
        'days.loaded_on', 'books.today', 'day'
    ) }} <= 7
),

judged as (
    select * from ranked
    where newest_first = 1
),

past as (
    select
        judged.table_name,
        judged.loaded_on as judged_on,
        judged.day_of_week as judged_day_of_week,
        days.day_of_week,
        days.loaded_on,
        cast(days.rows_brought as {{ dbt.type_float() }}) as rows_brought,
        sum(case when days.day_of_week = judged.day_of_week then 1 else 0 end) over (
            partition by judged.table_name, judged.loaded_on
        ) as same_weekdays,
        count(*) over (partition by judged.table_name, judged.loaded_on) as known_days,
        min(days.loaded_on) over (partition by judged.table_name, judged.loaded_on) as known_from
    from judged
    inner join days
        on
            judged.table_name = days.table_name
            and judged.loaded_on > days.loaded_on
            and judged.history_days >= {{ dbt.datediff(
                'days.loaded_on', 'judged.loaded_on', 'day'
            ) }}
            and (judged.history_from is null or judged.history_from <= days.loaded_on)
),

peers as (
    select
        *,
        same_weekdays >= 4 as is_by_weekday
    from past
    where
        same_weekdays < 4
        or day_of_week = judged_day_of_week
),

middles as (
    select
        table_name,
        judged_on,
        median(rows_brought) as usual
    from peers
    group by table_name, judged_on
),

spreads as (
    select
        peers.table_name,
        peers.judged_on,
        middles.usual,
        peers.is_by_weekday,
        peers.known_days,
        peers.known_from,
        count(*) as number_of_peers,
        min(peers.rows_brought) as fewest,
        max(peers.rows_brought) as most,
        -- 1.4826 makes the median deviation the standard deviation of a normal distribution. Counts
        -- scatter by their root at least, and five percent are nobody's news.
        greatest(
            1.4826 * median(abs(peers.rows_brought - middles.usual)),
            sqrt(abs(middles.usual)),
            abs(middles.usual) / 20
        ) as spread
    from peers
    inner join middles
        on
            peers.table_name = middles.table_name
            and peers.judged_on = middles.judged_on
    group by
        peers.table_name,
        peers.judged_on,
        middles.usual,
        peers.is_by_weekday,
        peers.known_days,
        peers.known_from
),

limits as (
    select
        judged.table_name,
        judged.loaded_on,
        judged.is_going_on,
        judged.rows_brought,
        judged.owner,
        judged.severity,
        spreads.usual,
        spreads.number_of_peers,
        spreads.is_by_weekday,
        coalesce(
            spreads.known_days >= judged.least_days
            and {{ dbt.datediff(
                'spreads.known_from', 'judged.loaded_on', 'day'
            ) }} >= judged.least_days,
            false
        ) as is_known,
        least(
            spreads.usual - greatest(judged.sensitivity * spreads.spread, judged.least_rows),
            case when not spreads.is_by_weekday then spreads.fewest else spreads.usual end
        ) as lowest,
        greatest(
            spreads.usual + greatest(judged.sensitivity * spreads.spread, judged.least_rows),
            case when not spreads.is_by_weekday then spreads.most else spreads.usual end
        ) as highest
    from judged
    left join spreads
        on
            judged.table_name = spreads.table_name
            and judged.loaded_on = spreads.judged_on
),

final as (
    select
        table_name,
        case when is_going_on then 'rows_today' else 'rows_of_day' end as measure,
        case
            when not is_known then 'unknown'
            when rows_brought > highest then 'spiked'
            -- Where a table has days without rows, none is one of them.
            when rows_brought < lowest and not is_going_on then 'dropped'
            else 'usual'
        end as verdict,
        severity,
        owner,
        loaded_on as judged_on,
        cast(rows_brought as decimal(18, 2)) as measured,
        cast(usual as decimal(18, 2)) as usual,
        cast(case when not is_going_on then lowest end as decimal(18, 2)) as lowest,
        cast(highest as decimal(18, 2)) as highest,
        case when is_by_weekday then 'weekday' else 'days' end as compared_with,
        coalesce(number_of_peers, 0) as number_compared
    from limits
)

select * from final
