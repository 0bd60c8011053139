-- Grain: one row, the last day that customer value knows of: the variable value_cutoff or, without
-- it, the newest order's day. No clock: a day without orders moves nothing.

{{ config(materialized='view', contract={'enforced': false}) }}

with

orders as (
    select * from {{ ref('fct_orders') }}
),

final as (
    select
        coalesce(
            cast(nullif('{{ var("value_cutoff") }}', '') as date),
            cast(max(ordered_at) as date)
        ) as cutoff_day
    from orders
)

select * from final
