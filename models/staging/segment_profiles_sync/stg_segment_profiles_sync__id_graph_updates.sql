-- Grain: one row per change of a profile id; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment_profiles_sync', 'id_graph_updates') }}
    where _quarantined_at is null
),

final as (
    select
        id as update_id,
        segment_id,
        canonical_segment_id,
        triggering_event_id,

        triggering_event_type,

        coalesce(_is_deleted, false) as is_deleted,

        timestamp as occurred_at,
        received_at,
        uuid_ts as loaded_at,

        _extracted_at as extracted_at
    from source
)

select * from final
