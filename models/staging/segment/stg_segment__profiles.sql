-- Grain: one row per user id; deleted ones stay, marked.

with

source as (
    select * from {{ source('segment', 'profiles') }}
    where _quarantined_at is null
),

final as (
    select
        {{ record_key('segment', 'user', "user_id") }} as record_key,
        user_id,

        traits,

        coalesce(_is_deleted, false) as is_deleted,

        _extracted_at as extracted_at
    from source
)

select * from final
