-- Grain: one row per conversion: an order that was not cancelled, an opportunity that was won.
-- A deal counts when it entered the stage it is won in; without history of its stages, when it
-- closed.

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
        coalesce(stage_entered_at, cast(close_on as {{ dbt.type_timestamp() }})) as converted_at
    from opportunities
)

select * from final
