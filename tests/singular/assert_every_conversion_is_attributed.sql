-- Harm: an order or a deal that no row of the attribution has is missing from every channel's sums.

with

conversions as (
    select * from {{ ref('int_marketing__conversions') }}
),

attributed as (
    select distinct conversion_key from {{ ref('fct_attribution') }}
),

final as (
    select conversions.conversion_key
    from conversions
    left join attributed
        on conversions.conversion_key = attributed.conversion_key
    where attributed.conversion_key is null
)

select * from final
