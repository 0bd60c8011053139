-- Grain: one row per line of an order of a data set; deleted ones stay, marked.

with

source as (
    select * from {{ source('files', 'orders') }}
),

final as (
    select
        order_id,
        line_id,
        customer_id as files_customer_id,
        user_id,
        product_id,

        dataset,
        email,
        product_name,
        currency,
        country,

        quantity,
        unit_price,
        amount,

        coalesce(_is_deleted, false) as is_deleted,

        ordered_at,

        _extracted_at as extracted_at
    from source
)

select * from final
