-- Grain: one row per order of Segment's "Order Completed" and "Order Updated" calls.
-- An order that was sent again, or updated, counts once: the call that happened last.

{{ config(materialized='view', contract={'enforced': false}) }}

with

calls as (
    select * from {{ ref('int_identity__calls') }}
    where
        event_type = 'track'
        and lower(event_name) in ('order completed', 'order updated')
),

orders as (
    select
        coalesce(nullif({{ json_text('properties', 'order_id') }}, ''), message_id) as order_id,
        message_id,
        user_id,
        anonymous_id,
        {{ json_text('properties', 'currency') }} as currency,
        {{ json_text('properties', 'coupon') }} as coupon,
        properties,
        occurred_at,
        received_at
    from calls
),

latest as (
    select
        *,
        min(occurred_at) over (partition by order_id) as ordered_at
    from orders
    qualify row_number() over (
        partition by order_id
        order by occurred_at desc nulls last, received_at desc nulls last, message_id asc
    ) = 1
),

final as (
    select
        order_id,
        message_id,
        user_id,
        anonymous_id,

        currency,
        coupon,
        properties,

        ordered_at
    from latest
)

select * from final
