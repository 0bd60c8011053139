-- Grain: one row per Salesforce user; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'user') }}
    where _quarantined_at is null
),

final as (
    select
        id as salesforce_user_id,

        username,
        first_name,
        last_name,
        name as full_name,
        email,

        is_active,
        coalesce(_is_deleted, false) as is_deleted,

        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
