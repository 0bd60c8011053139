-- Grain: one row per line of an order, from Segment's "Order Completed" calls and from files.
-- Cancellations are lines with negative amounts, as their source has them.

with

order_calls as (
    select * from {{ ref('int_finance__order_calls') }}
),

files_lines as (
    select * from {{ ref('stg_files__order_lines') }}
    where not is_deleted
),

products as (
    {{ json_array_rows(
        'order_calls',
        ['order_id', 'currency', 'ordered_at'],
        'properties',
        'products'
    ) }}
),

segment_lines as (
    select
        order_id,
        currency,
        ordered_at,
        element_index,
        coalesce({{ json_text('element', 'product_id') }}, {{ json_text('element', 'sku') }})
            as product_id,
        {{ json_text('element', 'name') }} as product_name,
        {{ json_text('element', 'category') }} as product_category,
        coalesce(try_cast({{ json_text('element', 'quantity') }} as decimal(18, 4)), 1) as quantity,
        try_cast({{ json_text('element', 'price') }} as decimal(18, 4)) as unit_price
    from products
),

every as (
    select
        {{ record_key('segment', 'order', 'order_id') }} as order_key,
        cast(element_index as {{ dbt.type_string() }}) as line_id,
        product_id,
        product_name,
        product_category,
        upper(currency) as currency,
        quantity,
        unit_price,
        quantity * unit_price as amount,
        ordered_at
    from segment_lines

    union all

    select
        {{ record_key('files', 'order', "dataset || '/' || order_id") }} as order_key,
        line_id,
        product_id,
        product_name,
        null as product_category,
        upper(currency) as currency,
        quantity,
        unit_price,
        coalesce(amount, quantity * unit_price) as amount,
        ordered_at
    from files_lines
),

final as (
    select
        cast(order_key as {{ dbt.type_string() }}) as order_key,
        cast(line_id as {{ dbt.type_string() }}) as line_id,
        cast(product_id as {{ dbt.type_string() }}) as product_id,

        cast(product_name as {{ dbt.type_string() }}) as product_name,
        cast(product_category as {{ dbt.type_string() }}) as product_category,
        cast(currency as {{ dbt.type_string() }}) as currency,

        cast(quantity as decimal(18, 4)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(amount as decimal(18, 4)) as amount,

        ordered_at
    from every
)

select * from final
