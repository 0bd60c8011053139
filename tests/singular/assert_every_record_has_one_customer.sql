-- Harm: a record the graph forgot belongs to no customer, so its orders, touches and consent vanish
-- from every mart, and one it invented would carry history of nobody.

with

records as (
    select record_key from {{ ref('int_identity__records') }}
),

xref as (
    select record_key from {{ ref('customer_xref_current') }}
),

final as (
    select
        records.record_key as known_record_key,
        xref.record_key as mapped_record_key
    from records
    full join xref
        on records.record_key = xref.record_key
    where
        records.record_key is null
        or xref.record_key is null
)

select * from final
