-- Harm: a customer who is missing from the wide table, or joined twice, takes their orders along.

{{ config(severity='error', meta={'owner': 'finance', 'domain': 'finance'}) }}

with

orders as (
    select
        customer_id,
        currency,
        cast(sum(amount) as decimal(18, 4)) as amount
    from {{ ref('fct_orders') }}
    where customer_id is not null
    group by customer_id, currency
),

customers as (
    select * from {{ ref('customer_360') }}
),

final as (
    select
        orders.customer_id,
        orders.currency,
        orders.amount,
        customers.lifetime_value
    from orders
    left join customers
        on orders.customer_id = customers.customer_id
    where
        customers.customer_id is null
        or (
            customers.orders_in_other_currencies = 0
            and customers.lifetime_value <> orders.amount
        )
)

select * from final
