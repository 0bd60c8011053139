-- Grain: one row per HubSpot pipeline; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'pipelines') }}
    where _quarantined_at is null
),

final as (
    select
        id as pipeline_id,

        object_type,
        label as pipeline_name,

        display_order,

        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        created_at,
        updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
