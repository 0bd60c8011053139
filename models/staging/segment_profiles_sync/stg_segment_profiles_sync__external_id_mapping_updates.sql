-- Grain: one row per tie of an identifier to a profile; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment_profiles_sync', 'external_id_mapping_updates') }}
    where _quarantined_at is null
),

final as (
    select
        id as update_id,
        segment_id,
        external_id_value as external_id,
        triggering_event_id,

        external_id_hash,
        external_id_type,
        triggering_event_type,

        coalesce(_is_deleted, false) as is_deleted,

        timestamp as occurred_at,
        received_at,
        uuid_ts as loaded_at,

        _extracted_at as extracted_at
    from source
)

select * from final
