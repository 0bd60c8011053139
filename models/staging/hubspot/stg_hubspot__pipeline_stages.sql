-- Grain: one row per stage of a pipeline; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'pipeline_stages') }}
    where _quarantined_at is null
),

final as (
    select
        id as stage_id,
        pipeline_id,

        label as stage_name,

        display_order,
        probability,

        is_closed,
        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        created_at,
        updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
