-- Grain: one row per user id that is nobody's: a blocked value or pattern, or one blocked by hand.
-- Calls made under it ("undefined", "guest") are many people's.

with

users as (
    select * from {{ ref('int_identity__segment_users') }}
),

blocked_values as (
    select * from {{ ref('identifier_blocked_values') }}
    where identifier_type = 'user_id'
),

decided_blocks as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'block'
        and identifier_type = 'user_id'
        and is_active
),

final as (
    select users.user_id
    from users
    inner join blocked_values
        on lower(trim(users.user_id)) = blocked_values.blocked_value

    union

    select user_id
    from users
    where {{ blocked_pattern("'user_id'", 'lower(trim(user_id))') }} is not null

    union

    select users.user_id
    from users
    inner join decided_blocks
        on lower(trim(users.user_id)) = decided_blocks.identifier_value
)

select * from final
