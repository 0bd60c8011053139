-- Grain: one row per customer, part of a household rule and value made comparable.
-- A street without a house number is a neighbourhood, and no address.

with

customers as (
    select * from {{ ref('customer_master') }}
    where has_live_record
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
    where not is_deleted
),

phones as (
    select * from {{ ref('int_identity__identifiers') }}
    where
        identifier_type = 'phone'
        and identifier_status in ('usable', 'over_limit')
),

lettered as (
    select
        *,
        {{ plain_letters('street') }} as plain_street
    from customers
),

worded as (
    select
        *,
        {{ street_words('plain_street') }} as street_words
    from lettered
),

normalised as (
    select
        customer_id,
        {{ normalised_street('street_words') }} as street_key,
        {{ normalised_postal_code('postal_code') }} as postal_code_key,
        {{ normalised_name('city') }} as city_key,
        {{ normalised_name('family_name') }} as family_name_key
    from worded
),

final as (
    select
        customer_id,
        'address' as part,
        street_key || '|' || coalesce(postal_code_key, city_key) as part_value
    from normalised
    where
        {{ regexp_full_match('street_key', "'.*[0-9].*'") }}
        and coalesce(postal_code_key, city_key) is not null

    union all

    select
        customer_id,
        'family_name' as part,
        family_name_key as part_value
    from normalised
    where family_name_key is not null

    union all

    select distinct
        xref.customer_id,
        'phone' as part,
        phones.identifier_value as part_value
    from phones
    inner join records
        on phones.record_key = records.record_key
    inner join xref
        on phones.record_key = xref.record_key
)

select * from final
