-- Grain: one row per day (UTC), from that of the first session call to that of the last.
-- Days without anybody are rows too, so that a rolling count falls; more than 10,000 days before
-- the last day those on which no count changes are left out. Days with somebody never are, be the
-- clock of a device as wrong as it likes. An active day is worth its window: plus one when it
-- begins, minus one when it ends, or when the next active day begins.

with

events as (
    select * from {{ ref('fct_events') }}
    where
        session_id is not null
        and customer_id is not null
),

active_days as (
    select distinct
        customer_id,
        cast(occurred_at as date) as active_on
    from events
),

ranked as (
    select
        customer_id,
        active_on,
        lead(active_on) over (partition by customer_id order by active_on asc) as next_active_on
    from active_days
),

ended as (
    select
        active_on,
        coalesce(next_active_on, cast('9999-12-31' as date)) as next_active_on,
        cast({{ dbt.dateadd('day', 1, 'active_on') }} as date) as day_ends_on,
        cast({{ dbt.dateadd('day', 7, 'active_on') }} as date) as week_ends_on,
        cast({{ dbt.dateadd('day', 30, 'active_on') }} as date) as month_ends_on
    from ranked
),

bounds as (
    select
        min(active_on) as first_day,
        max(active_on) as last_day
    from active_days
),

digits as (
    {% for digit in range(10) -%}
        select {{ digit }} as digit
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
),

-- 10,000 days up to the last.
numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

changes as (
    select
        active_on,
        1 as day_change,
        1 as week_change,
        1 as month_change
    from ended

    union all

    select
        least(day_ends_on, next_active_on) as active_on,
        -1 as day_change,
        0 as week_change,
        0 as month_change
    from ended

    union all

    select
        least(week_ends_on, next_active_on) as active_on,
        0 as day_change,
        -1 as week_change,
        0 as month_change
    from ended

    union all

    select
        least(month_ends_on, next_active_on) as active_on,
        0 as day_change,
        0 as week_change,
        -1 as month_change
    from ended
),

sums as (
    select
        active_on,
        sum(day_change) as day_change,
        sum(week_change) as week_change,
        sum(month_change) as month_change
    from changes
    group by active_on
),

days as (
    select cast({{ dbt.dateadd('day', '-numbers.number', 'bounds.last_day') }} as date) as active_on
    from numbers
    inner join bounds
        on numbers.number <= {{ dbt.datediff('bounds.first_day', 'bounds.last_day', 'day') }}

    union

    select sums.active_on
    from sums
    inner join bounds
        on sums.active_on <= bounds.last_day
),

actives as (
    select
        days.active_on,
        sum(coalesce(sums.day_change, 0)) over (
            order by days.active_on asc
            rows between unbounded preceding and current row
        ) as day_customers,
        sum(coalesce(sums.week_change, 0)) over (
            order by days.active_on asc
            rows between unbounded preceding and current row
        ) as week_customers,
        sum(coalesce(sums.month_change, 0)) over (
            order by days.active_on asc
            rows between unbounded preceding and current row
        ) as month_customers
    from days
    left join sums
        on days.active_on = sums.active_on
),

final as (
    select
        cast(active_on as date) as active_on,

        cast(day_customers as {{ dbt.type_bigint() }}) as daily_active_customers,
        cast(week_customers as {{ dbt.type_bigint() }}) as weekly_active_customers,
        cast(month_customers as {{ dbt.type_bigint() }}) as monthly_active_customers,
        cast(day_customers * 1.0 / nullif(month_customers, 0) as decimal(9, 6)) as stickiness
    from actives
)

select * from final
