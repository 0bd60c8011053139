-- Grain: one row per day (UTC), from that of the first session call to that of the last.
-- Days without anybody are rows too, so that a rolling count falls. An active day is worth its
-- window: plus one when it begins, minus one when it ends, or when the next active day begins.

{% set windows = {'day': 1, 'week': 7, 'month': 30} -%}

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
        {% for name, length in windows.items() -%}
            least(
                coalesce(
                    next_active_on,
                    cast({{ dbt.dateadd('day', length, 'active_on') }} as date)
                ),
                cast({{ dbt.dateadd('day', length, 'active_on') }} as date)
            ) as {{ name }}_ends_on{{ ',' if not loop.last }}
        {% endfor %}
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

-- 10,000 days from the first.
numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

days as (
    select cast({{ dbt.dateadd('day', 'numbers.number', 'bounds.first_day') }} as date) as day
    from numbers
    inner join bounds
        on numbers.number <= {{ dbt.datediff('bounds.first_day', 'bounds.last_day', 'day') }}
),

{% for name, length in windows.items() -%}
    {{ name }}_changes as (
        select
            active_on as day,
            1 as change
        from ended

        union all

        select
            {{ name }}_ends_on as day,
            -1 as change
        from ended
    ),

    {{ name }}_sums as (
        select
            day,
            sum(change) as change
        from {{ name }}_changes
        group by day
    ),

{% endfor -%}

actives as (
    select
        days.day,
        {% for name in windows -%}
            sum(coalesce({{ name }}_sums.change, 0)) over (
                order by days.day asc
                rows between unbounded preceding and current row
            ) as {{ name }}_customers{{ ',' if not loop.last }}
        {% endfor %}
    from days
    {% for name in windows -%}
        left join {{ name }}_sums
            on days.day = {{ name }}_sums.day
    {% endfor %}
),

final as (
    select
        cast(day as date) as active_on,

        cast(day_customers as {{ dbt.type_bigint() }}) as daily_active_customers,
        cast(week_customers as {{ dbt.type_bigint() }}) as weekly_active_customers,
        cast(month_customers as {{ dbt.type_bigint() }}) as monthly_active_customers,
        cast(day_customers * 1.0 / nullif(month_customers, 0) as decimal(9, 6)) as stickiness
    from actives
)

select * from final
