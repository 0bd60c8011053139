-- Grain: one row per conversion: an order that was not cancelled, an opportunity that was won.
-- A deal counts when it entered the stage it is won in; without history of that, and where it was
-- written down after it had closed, on its close date.

{{ config(materialized='view', contract={'enforced': false}) }}

with

orders as (
    select * from {{ ref('fct_orders') }}
    where not is_cancellation
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
    where
        is_won
        and not is_deleted
),

final as (
    select
        order_key as conversion_key,
        'order' as conversion_type,
        customer_id,
        currency,
        amount,
        ordered_at as converted_at
    from orders

    union all

    select
        opportunity_key as conversion_key,
        'opportunity' as conversion_type,
        customer_id,
        currency,
        amount,
        case
            when closed_on < cast(stage_entered_at as date)
                then cast(closed_on as {{ dbt.type_timestamp() }})
            else coalesce(stage_entered_at, cast(close_on as {{ dbt.type_timestamp() }}))
        end as converted_at
    from opportunities
)

select * from final
