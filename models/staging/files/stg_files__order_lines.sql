-- Grain: one row per line of an order of a data set; deleted ones stay, marked.
-- A data set keeps its rows' keys whichever way it comes in: as files, or from its database.

with

files as (
    select * from {{ source('files', 'orders') }}
    where _quarantined_at is null
),

databases as (
    select * from {{ source('sql', 'orders') }}
    where _quarantined_at is null
),

source as (
    select
        dataset,
        order_id,
        line_id,
        customer_id,
        email,
        user_id,
        ordered_at,
        product_id,
        product_name,
        quantity,
        unit_price,
        amount,
        currency,
        country,
        _is_deleted,
        _extracted_at
    from files

    union all

    select
        dataset,
        order_id,
        line_id,
        customer_id,
        email,
        user_id,
        ordered_at,
        product_id,
        product_name,
        quantity,
        unit_price,
        amount,
        currency,
        country,
        _is_deleted,
        _extracted_at
    from databases
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
