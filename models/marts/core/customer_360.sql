-- Grain: one row per customer, with what sales, finance and marketing know of them.
-- Money of different currencies is never added: sums are in the customer's most used one, and what
-- is left out is counted.

with

customers as (
    select * from {{ ref('dim_customers') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
    where
        customer_id is not null
        and not is_deleted
),

orders as (
    select * from {{ ref('fct_orders') }}
    where customer_id is not null
),

touches as (
    select * from {{ ref('fct_touches') }}
    where customer_id is not null
),

activities as (
    select * from {{ ref('int_core__customer_activities') }}
),

opportunity_sums as (
    select
        customer_id,
        currency,
        sum(case when not is_closed then amount end) as pipeline_value,
        sum(case when is_won then amount end) as won_value,
        sum(case when not is_closed then 1 else 0 end) as open_opportunities,
        sum(case when is_won then 1 else 0 end) as won_opportunities,
        sum(count(*)) over (partition by customer_id) - count(*) as in_other_currencies,
        row_number() over (
            partition by customer_id
            order by count(*) desc nulls last, currency asc nulls last
        ) as currency_rank
    from opportunities
    group by customer_id, currency
),

order_sums as (
    select
        customer_id,
        currency,
        sum(amount) as lifetime_value,
        sum(case when not is_cancellation then 1 else 0 end) as number_of_orders,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at,
        sum(count(*)) over (partition by customer_id) - count(*) as in_other_currencies,
        row_number() over (
            partition by customer_id
            order by count(*) desc nulls last, currency asc nulls last
        ) as currency_rank
    from orders
    group by customer_id, currency
),

first_touches as (
    select *
    from touches
    qualify row_number() over (
        partition by customer_id
        order by touched_at asc nulls last, touch_key asc
    ) = 1
),

last_touches as (
    select *
    from touches
    qualify row_number() over (
        partition by customer_id
        order by touched_at desc nulls last, touch_key asc
    ) = 1
),

last_activities as (
    select
        customer_id,
        max(happened_at) as last_activity_at
    from activities
    group by customer_id
),

final as (
    select
        customers.customer_id,

        customers.email,
        customers.phone,
        customers.full_name,
        customers.company,
        customers.country,
        cast(opportunity_sums.currency as {{ dbt.type_string() }}) as opportunity_currency,
        cast(order_sums.currency as {{ dbt.type_string() }}) as order_currency,
        cast(first_touches.channel as {{ dbt.type_string() }}) as first_touch_channel,
        cast(last_touches.channel as {{ dbt.type_string() }}) as last_touch_channel,

        cast(coalesce(opportunity_sums.pipeline_value, 0) as decimal(18, 2)) as pipeline_value,
        cast(coalesce(opportunity_sums.won_value, 0) as decimal(18, 2)) as won_value,
        cast(coalesce(opportunity_sums.open_opportunities, 0) as {{ dbt.type_bigint() }})
            as open_opportunities,
        cast(coalesce(opportunity_sums.won_opportunities, 0) as {{ dbt.type_bigint() }})
            as won_opportunities,
        cast(coalesce(opportunity_sums.in_other_currencies, 0) as {{ dbt.type_bigint() }})
            as opportunities_in_other_currencies,
        cast(coalesce(order_sums.lifetime_value, 0) as decimal(18, 4)) as lifetime_value,
        cast(coalesce(order_sums.number_of_orders, 0) as {{ dbt.type_bigint() }})
            as number_of_orders,
        cast(coalesce(order_sums.in_other_currencies, 0) as {{ dbt.type_bigint() }})
            as orders_in_other_currencies,

        customers.has_live_record,
        customers.is_identified,
        customers.has_opted_out_of_email,

        customers.first_seen_at,
        order_sums.first_ordered_at,
        order_sums.last_ordered_at,
        first_touches.touched_at as first_touch_at,
        last_touches.touched_at as last_touch_at,
        last_activities.last_activity_at
    from customers
    left join opportunity_sums
        on
            customers.customer_id = opportunity_sums.customer_id
            and opportunity_sums.currency_rank = 1
    left join order_sums
        on
            customers.customer_id = order_sums.customer_id
            and order_sums.currency_rank = 1
    left join first_touches
        on customers.customer_id = first_touches.customer_id
    left join last_touches
        on customers.customer_id = last_touches.customer_id
    left join last_activities
        on customers.customer_id = last_activities.customer_id
)

select * from final
