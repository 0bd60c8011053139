-- Grain: one row per record that is compared, with the keys it is compared by; none until weights
-- were trained.

with

persons as (
    select int_identity__persons.*
    from {{ ref('int_identity__persons') }} as int_identity__persons
    cross join {{ ref('int_identity__matching_model') }}
),

nicknames as (
    select * from {{ ref('nicknames') }}
),

final as (
    select * from (
        {{ matching_keys('persons', 'nicknames') }}
    ) as made
)

select * from final
