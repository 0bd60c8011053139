-- Grain: one row per product that was ordered, by the id it has at its source.
-- Name and category are the newest that a line states; where two lines of a moment differ, the
-- alphabetically last.

with

lines as (
    select
        product_key,
        source_system,
        dataset,
        product_id,
        product_name,
        product_category,
        max(ordered_at) as last_ordered_at,
        min(ordered_at) as first_ordered_at
    from {{ ref('fct_order_lines') }}
    where product_key is not null
    group by
        product_key,
        source_system,
        dataset,
        product_id,
        product_name,
        product_category
),

products as (
    select
        product_key,
        source_system,
        dataset,
        product_id,
        min(first_ordered_at) as first_ordered_at,
        max(last_ordered_at) as last_ordered_at
    from lines
    group by product_key, source_system, dataset, product_id
),

names as (
    select
        product_key,
        product_name
    from lines
    where trim(product_name) <> ''
    qualify row_number() over (
        partition by product_key
        order by last_ordered_at desc nulls last, product_name desc
    ) = 1
),

categories as (
    select
        product_key,
        product_category
    from lines
    where trim(product_category) <> ''
    qualify row_number() over (
        partition by product_key
        order by last_ordered_at desc nulls last, product_category desc
    ) = 1
),

final as (
    select
        products.product_key,
        products.source_system,
        products.dataset,
        products.product_id,

        names.product_name,
        categories.product_category,

        products.first_ordered_at,
        products.last_ordered_at
    from products
    left join names
        on products.product_key = names.product_key
    left join categories
        on products.product_key = categories.product_key
)

select * from final
