-- Grain: one row per Salesforce campaign; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'campaign') }}
    where _quarantined_at is null
),

final as (
    select
        id as campaign_id,
        owner_id,

        name as campaign_name,
        type as campaign_type,
        status as campaign_status,

        budgeted_cost,
        actual_cost,

        is_active,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        start_date as start_on,
        end_date as end_on,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
