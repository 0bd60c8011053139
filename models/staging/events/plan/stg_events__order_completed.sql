-- Derived from contracts/tracking_plan by `braid contracts build`; edits are lost.
-- Grain: one row per "Order Completed" call. A value that is not of the planned type is null
-- here; the payload has it.
-- Columns are called what the plan calls them, keyword or not.
-- noqa: disable=RF04

with

calls as (
    select * from {{ ref('stg_events__events') }}
    where
        event_type = 'track'
        and event_name = 'Order Completed'
),

texts as (
    select
        message_id,
        user_id,
        anonymous_id,
        event_source,
        consent,
        region,
        occurred_at,
        received_at,
        extracted_at,
        {{ json_text('properties', 'order_id') }} as order_id_text,
        {{ json_text('properties', 'total') }} as total_text,
        {{ json_text('properties', 'revenue') }} as revenue_text,
        {{ json_text('properties', 'shipping') }} as shipping_text,
        {{ json_text('properties', 'discount') }} as discount_text,
        {{ json_text('properties', 'currency') }} as currency_text,
        {{ json_text('properties', 'coupon') }} as coupon_text,
        {{ json_text('properties', 'products') }} as products_text,
        coalesce(
            {{ text_as_integer(json_text('context', 'protocols.event_version')) }},
            1
        ) as event_version
    from calls
),

final as (
    select
        message_id,
        user_id,
        anonymous_id,

        order_id_text as order_id,
        try_cast(total_text as decimal(38, 9)) as total,
        try_cast(revenue_text as decimal(38, 9)) as revenue,
        try_cast(shipping_text as decimal(38, 9)) as shipping,
        try_cast(discount_text as decimal(38, 9)) as discount,
        currency_text as currency,
        coupon_text as coupon,
        products_text as products,

        event_version,
        event_source,
        consent,
        region,

        occurred_at,
        received_at,
        extracted_at
    from texts
)

select * from final
