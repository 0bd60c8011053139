-- Grain: one row per customer with points left, as of the cut-off: how engaged they are, 0 to 100.
-- Points of a call halve every half-life; calls, points and days are as contracts/engagement.yml
-- has them.

with

days as (
    select * from {{ ref('int_product__engagement_days') }}
),

cutoff as (
    select * from {{ ref('int_product__engagement_cutoff') }}
),

rules as (
    select * from {{ ref('engagement_rules') }}
),

faded as (
    select
        days.customer_id,
        days.activity,
        days.active_on,
        days.number_of_calls,
        cutoff.cutoff_day,
        rules.middle_points,
        cutoff.cutoff_day - days.active_on as days_ago,
        -- Six digits: sums of them are exact, in whatever order they are added.
        cast(
            days.points * power(
                0.5, cast(cutoff.cutoff_day - days.active_on as double) / rules.half_life_days
            ) as decimal(18, 6)
        ) as points
    from days
    cross join cutoff
    cross join rules
),

activities as (
    select
        customer_id,
        activity
    from faded
    group by customer_id, activity
    qualify row_number() over (
        partition by customer_id
        order by sum(points) desc nulls last, activity asc
    ) = 1
),

sums as (
    select
        customer_id,
        cutoff_day,
        middle_points,
        sum(points) as points,
        sum(number_of_calls) as number_of_calls,
        count(distinct case when days_ago < 7 then active_on end) as active_days_of_7,
        count(distinct case when days_ago < 30 then active_on end) as active_days_of_30,
        max(active_on) as last_active_day
    from faded
    group by customer_id, cutoff_day, middle_points
),

ranked as (
    select
        *,
        rank() over (order by points asc) as points_rank,
        count(*) over () as customers
    from sums
),

final as (
    select
        cast(ranked.customer_id as {{ dbt.type_string() }}) as customer_id,

        cast(activities.activity as {{ dbt.type_string() }}) as main_activity,

        cast(
            100.0 * cast(ranked.points as double)
            / (cast(ranked.points as double) + ranked.middle_points)
            as decimal(9, 4)
        ) as engagement_score,
        cast({{ fifth('ranked.points_rank', 'ranked.customers') }} as {{ dbt.type_bigint() }})
            as engagement_fifth,
        cast(ranked.points as decimal(18, 6)) as engagement_points,
        cast(ranked.number_of_calls as {{ dbt.type_bigint() }}) as number_of_calls,
        cast(ranked.active_days_of_7 as {{ dbt.type_bigint() }}) as active_days_of_7,
        cast(ranked.active_days_of_30 as {{ dbt.type_bigint() }}) as active_days_of_30,

        ranked.last_active_day,
        ranked.cutoff_day
    from ranked
    inner join activities
        on ranked.customer_id = activities.customer_id
)

select * from final
