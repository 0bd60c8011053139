-- Grain: one row per Salesforce task; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'task') }}
    where _quarantined_at is null
),

final as (
    select
        id as task_id,
        who_id,
        what_id,
        account_id,
        owner_id,

        subject,
        status as task_status,
        priority,
        task_subtype,

        is_closed,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        activity_date as due_on,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
