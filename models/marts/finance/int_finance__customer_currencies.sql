-- Grain: one row per customer who ordered by the cut-off, with the currency their money is told in.
-- Most of their orders are in it; money of others is never added, and what is left out is counted.

{{ config(materialized='view', contract={'enforced': false}) }}

with

orders as (
    select * from {{ ref('int_finance__orders_by_cutoff') }}
),

counted as (
    select
        customer_id,
        currency,
        sum(count(*)) over (partition by customer_id) - count(*) as in_other_currencies,
        row_number() over (
            partition by customer_id
            order by count(*) desc nulls last, currency asc nulls last
        ) as currency_rank
    from orders
    group by customer_id, currency
),

final as (
    select
        customer_id,

        currency,

        in_other_currencies as orders_in_other_currencies
    from counted
    where currency_rank = 1
)

select * from final
