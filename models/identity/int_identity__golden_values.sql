-- Grain: one row per customer and golden field that any live record fills.

with

ranked_values as (
    select * from {{ ref('int_identity__ranked_values') }}
    where survivorship_rank = 1
),

final as (
    select
        customer_id,
        record_key,

        field,
        field_value,
        survivorship_rule
    from ranked_values
)

select * from final
