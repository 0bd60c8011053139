-- Grain: one row per value of a HubSpot record's property, moment it was set, and kind of source.
-- Records that are gone keep theirs; where a property changes often the oldest may be missing.

with

contacts as (
    select
        'contacts' as object_type,
        id,
        property,
        value,
        changed_at,
        source_type,
        source_id,
        source_label,
        updated_by_user_id,
        _extracted_at
    from {{ source('hubspot', 'contacts_history') }}
    where _quarantined_at is null
),

companies as (
    select
        'companies' as object_type,
        id,
        property,
        value,
        changed_at,
        source_type,
        source_id,
        source_label,
        updated_by_user_id,
        _extracted_at
    from {{ source('hubspot', 'companies_history') }}
    where _quarantined_at is null
),

deals as (
    select
        'deals' as object_type,
        id,
        property,
        value,
        changed_at,
        source_type,
        source_id,
        source_label,
        updated_by_user_id,
        _extracted_at
    from {{ source('hubspot', 'deals_history') }}
    where _quarantined_at is null
),

unioned as (
    select * from contacts
    union all
    select * from companies
    union all
    select * from deals
),

final as (
    select
        id as record_id,
        updated_by_user_id as hubspot_user_id,

        object_type,
        property as property_name,
        value as property_value,
        source_type,
        source_id,
        source_label,

        changed_at,

        _extracted_at as extracted_at
    from unioned
)

select * from final
