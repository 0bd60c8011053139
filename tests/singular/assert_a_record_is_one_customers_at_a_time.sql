-- Harm: a record that is two customers' at one moment counts its orders twice when history is read
-- as of that day.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

xref as (
    select * from {{ ref('customer_xref') }}
),

ordered as (
    select
        record_key,
        customer_id,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by record_key
            order by change_number asc
        ) as next_valid_from,
        row_number() over (
            partition by record_key
            order by change_number desc
        ) as age
    from xref
),

final as (
    select * from ordered
    where
        valid_to < valid_from
        or valid_to > next_valid_from
        or (valid_to is null and age > 1)
)

select * from final
