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

rates as (
    select * from {{ ref('int_finance__currency_rates') }}
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
        coalesce(
            nullif(trim({{ json_text('element', 'product_id') }}), ''),
            nullif(trim({{ json_text('element', 'sku') }}), '')
        ) as product_id,
        {{ json_text('element', 'name') }} as product_name,
        {{ json_text('element', 'category') }} as product_category,
        coalesce(try_cast({{ json_text('element', 'quantity') }} as decimal(18, 4)), 1) as quantity,
        try_cast({{ json_text('element', 'price') }} as decimal(18, 4)) as unit_price
    from products
),

every as (
    select
        {{ record_key('segment', 'order', 'order_id') }} as order_key,
        'segment' as source_system,
        null as dataset,
        {{ record_key('segment', 'product', 'product_id') }} as product_key,
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
        'files' as source_system,
        dataset,
        {{ record_key('files', 'product', "dataset || '/' || product_id") }} as product_key,
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
        cast(every.order_key as {{ dbt.type_string() }}) as order_key,
        cast(every.line_id as {{ dbt.type_string() }}) as line_id,
        cast(every.source_system as {{ dbt.type_string() }}) as source_system,
        cast(every.dataset as {{ dbt.type_string() }}) as dataset,
        cast(every.product_key as {{ dbt.type_string() }}) as product_key,
        cast(every.product_id as {{ dbt.type_string() }}) as product_id,

        cast(every.product_name as {{ dbt.type_string() }}) as product_name,
        cast(every.product_category as {{ dbt.type_string() }}) as product_category,
        cast(every.currency as {{ dbt.type_string() }}) as currency,

        cast(every.quantity as decimal(18, 4)) as quantity,
        cast(every.unit_price as decimal(18, 4)) as unit_price,
        cast(every.amount as decimal(18, 4)) as amount,
        cast(
            {{ reporting_amount(
                'cast(every.amount as decimal(18, 4))', 'every.currency', 'rates.rate'
            ) }} as decimal(18, 4)
        ) as reporting_amount,

        cast(every.ordered_at as date) as ordered_on,
        every.ordered_at
    from every
    left join rates
        on
            every.currency = rates.currency
            and cast(every.ordered_at as date) = rates.date_day
)

select * from final
