-- Grain: one row per user id, identifier type and identifier; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment', 'profile_external_ids') }}
    where _quarantined_at is null
),

final as (
    select
        user_id,
        id as external_id,
        source_id as segment_source_id,

        type as external_id_type,
        collection,
        encoding,

        coalesce(_is_deleted, false) as is_deleted,

        created_at,

        _extracted_at as extracted_at
    from source
)

select * from final
