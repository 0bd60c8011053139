-- Harm: a value too many people share makes thousands of customers one over night, and every mail,
-- order and report goes to the wrong person. The rows name what would change, and by which value:
-- `braid identity diff` shows them, `braid identity approve` publishes them all the same.

with

final as (
    select * from {{ ref('identity_diff') }}
    where is_over
)

select * from final
