-- Harm: a day that is missing looks like one without customers, and the newest days are the ones
-- that are looked at.

{{ config(severity='error', meta={'owner': 'product', 'domain': 'product'}) }}

with

events as (
    select * from {{ ref('fct_events') }}
    where
        session_id is not null
        and customer_id is not null
),

engagement as (
    select * from {{ ref('fct_engagement') }}
),

active_days as (
    select
        cast(occurred_at as date) as active_on,
        count(distinct customer_id) as customers
    from events
    group by cast(occurred_at as date)
),

final as (
    select
        active_days.active_on,
        active_days.customers,
        engagement.daily_active_customers
    from active_days
    left join engagement
        on active_days.active_on = engagement.active_on
    where
        engagement.active_on is null
        or engagement.daily_active_customers <> active_days.customers
)

select * from final
