-- Harm: an order or a deal that no row of the attribution has is missing from every channel's sums.

{{ config(severity='error', meta={'owner': 'marketing', 'domain': 'marketing'}) }}

with

-- Of the kinds that contracts/attribution.yml has.
kinds as (
    select * from {{ ref('attribution_conversions') }}
),

conversions as (
    select conversions.conversion_key
    from {{ ref('int_marketing__conversions') }} as conversions
    inner join kinds
        on conversions.conversion_type = kinds.conversion_type
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
