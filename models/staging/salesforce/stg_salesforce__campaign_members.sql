-- Grain: one row per lead or contact in a campaign; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'campaign_member') }}
    where _quarantined_at is null
),

final as (
    select
        id as campaign_member_id,
        campaign_id,
        lead_id,
        contact_id,

        status as member_status,

        has_responded,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        first_responded_date as first_responded_on,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
