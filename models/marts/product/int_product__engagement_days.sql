-- Grain: one row per customer, activity and day on which they did it, of those with points left.
-- A call counts that was made by the cut-off and had arrived by then: what came later was not
-- known.

{{ config(materialized='view', contract={'enforced': false}) }}

with

calls as (
    select * from {{ ref('fct_events') }}
    where customer_id is not null
),

cutoff as (
    select * from {{ ref('int_product__engagement_cutoff') }}
),

rules as (
    select * from {{ ref('engagement_rules') }}
),

events as (
    select
        calls.customer_id,
        calls.event_type,
        lower(trim(calls.event_name)) as event_name,
        cast(calls.occurred_at as date) as active_on
    from calls
    cross join cutoff
    cross join rules
    where
        cast(calls.occurred_at as date) <= cutoff.cutoff_day
        and cast(calls.received_at as date) <= cutoff.cutoff_day
        and cast(calls.occurred_at as date)
        > {{ dbt.dateadd('day', '-10 * rules.half_life_days', 'cutoff.cutoff_day') }}
),

named as (
    select * from {{ ref('engagement_activities') }}
    where event_name is not null
),

typed as (
    select * from {{ ref('engagement_activities') }}
    where event_name is null
),

counted as (
    select
        events.customer_id,
        events.active_on,
        coalesce(named.activity, typed.activity) as activity,
        coalesce(named.points, typed.points) as points,
        coalesce(named.most_a_day, typed.most_a_day) as most_a_day,
        count(*) as number_of_calls
    from events
    left join named
        on
            events.event_type = named.event_type
            and events.event_name = named.event_name
    left join typed
        on events.event_type = typed.event_type
    where coalesce(named.activity, typed.activity) is not null
    group by
        events.customer_id,
        events.active_on,
        coalesce(named.activity, typed.activity),
        coalesce(named.points, typed.points),
        coalesce(named.most_a_day, typed.most_a_day)
),

final as (
    select
        customer_id,

        activity,

        number_of_calls,
        points * least(number_of_calls, most_a_day) as points,

        active_on
    from counted
)

select * from final
