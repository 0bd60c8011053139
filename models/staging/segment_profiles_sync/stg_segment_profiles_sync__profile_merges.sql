-- Grain: one row per profile id; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment_profiles_sync', 'profile_merges') }}
    where _quarantined_at is null
),

final as (
    select
        segment_id,
        canonical_segment_id,

        coalesce(_is_deleted, false) as is_deleted,

        timestamp as occurred_at,
        received_at,
        uuid_ts as loaded_at,

        _extracted_at as extracted_at
    from source
)

select * from final
