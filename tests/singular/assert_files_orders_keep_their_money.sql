-- Harm: an order line lost in a join, or counted twice, changes revenue by an amount nobody looks
-- for.

{{ config(severity='error', meta={'owner': 'finance', 'domain': 'finance'}) }}

with

lines as (
    select
        dataset,
        quantity,
        unit_price,
        amount
    from {{ source('files', 'orders') }}
    where not coalesce(_is_deleted, false)

    union all

    select
        dataset,
        quantity,
        unit_price,
        amount
    from {{ source('sql', 'orders') }}
    where not coalesce(_is_deleted, false)
),

landed as (
    select
        dataset,
        sum(cast(coalesce(amount, quantity * unit_price, 0) as decimal(18, 4))) as amount
    from lines
    group by dataset
),

orders as (
    select
        dataset,
        sum(amount) as amount
    from {{ ref('fct_orders') }}
    where source_system = 'files'
    group by dataset
),

final as (
    select
        coalesce(landed.dataset, orders.dataset) as dataset,
        landed.amount as landed_amount,
        orders.amount as order_amount
    from landed
    full join orders
        on landed.dataset = orders.dataset
    where
        landed.amount is null
        or orders.amount is null
        or landed.amount <> orders.amount
)

select * from final
