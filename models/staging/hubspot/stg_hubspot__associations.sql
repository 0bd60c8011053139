-- Grain: one row per pair of objects and association type; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'associations') }}
    where _quarantined_at is null
),

final as (
    select
        from_id,
        to_id,
        type_id as association_type_id,

        from_object_type,
        to_object_type,
        category,
        label as association_label,

        coalesce(_is_deleted, false) as is_deleted,

        _extracted_at as extracted_at
    from source
)

select * from final
