-- Grain: one row per order of a known customer up to the cut-off, that day too.
-- Everything that customer value says is made of these rows: what came later is not seen.

{{ config(materialized='view', contract={'enforced': false}) }}

with

orders as (
    select * from {{ ref('fct_orders') }}
    where
        customer_id is not null
        and ordered_at is not null
),

cutoff as (
    select * from {{ ref('int_finance__value_cutoff') }}
),

final as (
    select
        orders.order_key,
        orders.customer_id,

        orders.currency,

        orders.amount,

        orders.is_cancellation,

        cast(orders.ordered_at as date) as ordered_day,
        cutoff.cutoff_day
    from orders
    inner join cutoff
        on cast(orders.ordered_at as date) <= cutoff.cutoff_day
)

select * from final
