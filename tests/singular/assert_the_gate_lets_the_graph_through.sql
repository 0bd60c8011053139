-- Harm: a value too many people share makes thousands of customers one over night, and every mail,
-- order and report goes to the wrong person. The rows name what would change, and by which value:
-- `braid identity diff` shows them, `braid identity approve` publishes them all the same.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

identity_diff as (
    select * from {{ ref('identity_diff') }}
    where is_over
),

final as (
    select
        change_type,
        customer_id,
        number_of_customers,
        records_before,
        records_after,
        identifier_type,
        identifier_value,
        number_of_records
    from identity_diff
)

select * from final
