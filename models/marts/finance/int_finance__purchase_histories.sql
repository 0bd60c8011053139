-- Grain: one row per customer who bought by the cut-off, with what the models of value know of
-- them.
-- All orders of a day are one purchase, a cancellation is none, and the first one is no repeat.

{{ config(materialized='table', contract={'enforced': false}) }}

with

orders as (
    select * from {{ ref('int_finance__orders_by_cutoff') }}
    where not is_cancellation
),

customer_currencies as (
    select * from {{ ref('int_finance__customer_currencies') }}
),

customers as (
    select
        customer_id,
        cutoff_day,
        min(ordered_day) as first_day,
        max(ordered_day) as last_day,
        count(distinct ordered_day) as purchase_days
    from orders
    group by customer_id, cutoff_day
),

repeat_spend as (
    select
        orders.customer_id,
        sum(orders.amount) as amount,
        count(distinct orders.ordered_day) as purchase_days
    from orders
    inner join customers
        on
            orders.customer_id = customers.customer_id
            and orders.ordered_day > customers.first_day
    inner join customer_currencies
        on
            orders.customer_id = customer_currencies.customer_id
            and coalesce(orders.currency, '') = coalesce(customer_currencies.currency, '')
    group by orders.customer_id
),

final as (
    select
        customers.customer_id,

        customer_currencies.currency,

        customers.purchase_days - 1 as repeat_purchases,
        customers.last_day - customers.first_day as recency_days,
        customers.cutoff_day - customers.first_day as age_days,
        coalesce(repeat_spend.purchase_days, 0) as repeat_spend_days,
        cast(coalesce(repeat_spend.amount, 0) as decimal(18, 4)) as repeat_amount,

        customers.first_day,
        customers.last_day,
        customers.cutoff_day
    from customers
    inner join customer_currencies
        on customers.customer_id = customer_currencies.customer_id
    left join repeat_spend
        on customers.customer_id = repeat_spend.customer_id
)

select * from final
