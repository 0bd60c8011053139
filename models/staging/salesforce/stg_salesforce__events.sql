-- Grain: one row per Salesforce calendar event; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'event') }}
    where _quarantined_at is null
),

final as (
    select
        id as event_id,
        who_id,
        what_id,
        account_id,
        owner_id,

        subject,
        location,

        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        start_date_time as started_at,
        end_date_time as ended_at,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
