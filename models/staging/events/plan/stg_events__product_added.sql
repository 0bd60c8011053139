-- Derived from contracts/tracking_plan by `braid contracts build`; edits are lost.
-- Grain: one row per "Product Added" call. A value that is not of the planned type is null here;
-- the payload has it.
-- Columns are called what the plan calls them, keyword or not.
-- noqa: disable=RF04

with

calls as (
    select * from {{ ref('stg_events__events') }}
    where
        event_type = 'track'
        and event_name = 'Product Added'
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
        {{ json_text('properties', 'product_id') }} as product_id_text,
        {{ json_text('properties', 'sku') }} as sku_text,
        {{ json_text('properties', 'name') }} as name_text,
        {{ json_text('properties', 'category') }} as category_text,
        {{ json_text('properties', 'price') }} as price_text,
        {{ json_text('properties', 'quantity') }} as quantity_text,
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

        product_id_text as product_id,
        sku_text as sku,
        name_text as name,
        category_text as category,
        try_cast(price_text as decimal(38, 9)) as price,
        {{ text_as_integer('quantity_text') }} as quantity,

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
