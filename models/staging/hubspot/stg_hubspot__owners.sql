-- Grain: one row per HubSpot owner; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'owners') }}
    where _quarantined_at is null
),

final as (
    select
        id as owner_id,
        user_id as hubspot_user_id,

        email,
        first_name,
        last_name,

        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        created_at,
        updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
