-- Grain: one row per customer who ordered by the cut-off, with how recently, how often and for how
-- much they bought. Equal customers have equal scores: a fifth is a place among all, not a share.

with

orders as (
    select * from {{ ref('int_finance__orders_by_cutoff') }}
),

histories as (
    select * from {{ ref('int_finance__purchase_histories') }}
),

customer_currencies as (
    select * from {{ ref('int_finance__customer_currencies') }}
),

counts as (
    select
        customer_id,
        cutoff_day,
        sum(case when is_cancellation then 0 else 1 end) as number_of_orders,
        sum(case when is_cancellation then 1 else 0 end) as number_of_cancellations
    from orders
    group by customer_id, cutoff_day
),

sums as (
    select
        orders.customer_id,
        customer_currencies.currency,
        customer_currencies.orders_in_other_currencies,
        sum(orders.amount) as net_amount,
        sum(case when orders.is_cancellation then 0 else orders.amount end) as bought_amount,
        sum(case when orders.is_cancellation then orders.amount else 0 end) as cancelled_amount
    from orders
    inner join customer_currencies
        on
            orders.customer_id = customer_currencies.customer_id
            and coalesce(orders.currency, '') = coalesce(customer_currencies.currency, '')
    group by
        orders.customer_id,
        customer_currencies.currency,
        customer_currencies.orders_in_other_currencies
),

-- Money is compared with that of the same currency alone.
ranked as (
    select
        histories.customer_id,
        count(*) over () as buyers,
        count(*) over (partition by sums.currency) as buyers_of_currency,
        rank() over (order by histories.last_day asc) as recency_rank,
        rank() over (order by histories.repeat_purchases asc) as frequency_rank,
        rank() over (partition by sums.currency order by sums.net_amount asc) as monetary_rank
    from histories
    inner join sums
        on histories.customer_id = sums.customer_id
),

scored as (
    select
        customer_id,
        {{ fifth('recency_rank', 'buyers') }} as recency_score,
        {{ fifth('frequency_rank', 'buyers') }} as frequency_score,
        {{ fifth('monetary_rank', 'buyers_of_currency') }} as monetary_score
    from ranked
),

final as (
    select
        cast(counts.customer_id as {{ dbt.type_string() }}) as customer_id,

        cast(sums.currency as {{ dbt.type_string() }}) as currency,
        cast(
            cast(scored.recency_score as {{ dbt.type_string() }})
            || cast(scored.frequency_score as {{ dbt.type_string() }})
            || cast(scored.monetary_score as {{ dbt.type_string() }})
            as {{ dbt.type_string() }}
        ) as rfm_score,

        cast(scored.recency_score as {{ dbt.type_bigint() }}) as recency_score,
        cast(scored.frequency_score as {{ dbt.type_bigint() }}) as frequency_score,
        cast(scored.monetary_score as {{ dbt.type_bigint() }}) as monetary_score,
        cast(counts.cutoff_day - histories.last_day as {{ dbt.type_bigint() }})
            as days_since_purchase,
        cast(coalesce(histories.repeat_purchases + 1, 0) as {{ dbt.type_bigint() }})
            as purchase_days,
        cast(counts.number_of_orders as {{ dbt.type_bigint() }}) as number_of_orders,
        cast(counts.number_of_cancellations as {{ dbt.type_bigint() }}) as number_of_cancellations,
        cast(sums.orders_in_other_currencies as {{ dbt.type_bigint() }})
            as orders_in_other_currencies,
        cast(sums.net_amount as decimal(18, 4)) as net_amount,
        cast(sums.bought_amount as decimal(18, 4)) as bought_amount,
        cast(sums.cancelled_amount as decimal(18, 4)) as cancelled_amount,

        histories.first_day as first_purchase_day,
        histories.last_day as last_purchase_day,
        counts.cutoff_day
    from counts
    inner join sums
        on counts.customer_id = sums.customer_id
    left join histories
        on counts.customer_id = histories.customer_id
    left join scored
        on counts.customer_id = scored.customer_id
)

select * from final
