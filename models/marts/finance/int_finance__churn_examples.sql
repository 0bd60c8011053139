-- Grain: one row per customer and day they are looked at from: the cut-off, and one and two
-- horizons before. Who bought in the churn_active_days up to that day is one that can be lost.
-- Features know orders up to as_of_day alone. The outcome, that they bought nothing for one
-- horizon, is never looked for beyond the cut-off: as of the cut-off it is null.

{{ config(materialized='table', contract={'enforced': false}) }}

{% set horizon = var('churn_horizon_days') %}

with

orders as (
    select * from {{ ref('int_finance__orders_by_cutoff') }}
),

cutoff as (
    select * from {{ ref('int_finance__value_cutoff') }}
),

looked_from as (
    {% for back in range(3) %}
        select
            cast({{ dbt.dateadd('day', -back * horizon, 'cutoff_day') }} as date) as as_of_day,
            {{ back }} as horizons_back,
            cutoff_day
        from cutoff
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

order_days as (
    select
        customer_id,
        ordered_day,
        max(case when is_cancellation then 0 else 1 end) as has_bought,
        sum(case when is_cancellation then 0 else 1 end) as number_of_orders,
        sum(case when is_cancellation then 1 else 0 end) as number_of_cancellations
    from orders
    group by customer_id, ordered_day
),

known as (
    select
        order_days.customer_id,
        looked_from.as_of_day,
        looked_from.horizons_back,
        looked_from.cutoff_day,
        min(case when order_days.has_bought = 1 then order_days.ordered_day end) as first_day,
        max(case when order_days.has_bought = 1 then order_days.ordered_day end) as last_day,
        sum(order_days.has_bought) as purchase_days,
        sum(
            case
                when
                    order_days.ordered_day
                    > {{ dbt.dateadd('day', -horizon, 'looked_from.as_of_day') }}
                    then order_days.has_bought
                else 0
            end
        ) as recent_purchase_days,
        sum(order_days.number_of_orders) as number_of_orders,
        sum(order_days.number_of_cancellations) as number_of_cancellations
    from order_days
    inner join looked_from
        on order_days.ordered_day <= looked_from.as_of_day
    group by
        order_days.customer_id,
        looked_from.as_of_day,
        looked_from.horizons_back,
        looked_from.cutoff_day
),

later as (
    select distinct
        order_days.customer_id,
        looked_from.horizons_back
    from order_days
    inner join looked_from
        on
            order_days.ordered_day > looked_from.as_of_day
            and order_days.ordered_day
            <= {{ dbt.dateadd('day', horizon, 'looked_from.as_of_day') }}
    where order_days.has_bought = 1
),

measured as (
    select
        known.*,
        known.as_of_day - known.last_day as days_since_purchase,
        known.last_day - known.first_day as days_between,
        known.as_of_day - known.first_day as age_days,
        case
            when known.horizons_back > 0
                then case when later.customer_id is null then 1 else 0 end
        end as outcome
    from known
    left join later
        on
            known.customer_id = later.customer_id
            and known.horizons_back = later.horizons_back
    where
        known.last_day
        > {{ dbt.dateadd('day', -var('churn_active_days'), 'known.as_of_day') }}
),

final as (
    select
        customer_id,

        {% for feature in churn_features() -%}
            cast({{ feature.sql }} as double) as {{ feature.name }},
        {% endfor %}
        horizons_back,
        outcome,
        {{ horizon }} as horizon_days,

        as_of_day,
        cutoff_day
    from measured
)

select * from final
