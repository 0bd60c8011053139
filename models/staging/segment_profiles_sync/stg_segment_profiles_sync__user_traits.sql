-- Grain: one row per profile and trait; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment_profiles_sync', 'user_traits') }}
    where _quarantined_at is null
),

final as (
    select
        canonical_segment_id,

        name as trait_name,
        value as trait_value,

        coalesce(_is_deleted, false) as is_deleted,

        timestamp as occurred_at,
        received_at,
        uuid_ts as loaded_at,

        _extracted_at as extracted_at
    from source
)

select * from final
