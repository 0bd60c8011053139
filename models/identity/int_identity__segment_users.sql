-- Grain: one row per user id, from profiles and from events; users without a profile are users too.
-- Traits are the profile's; those of the last identify call stand in where there is no profile.

with

profiles as (
    select * from {{ ref('stg_segment__profiles') }}
),

-- Deleted ones too: when a user was first seen may decide the customer's id, and must not move.
external_ids as (
    select * from {{ ref('stg_segment__profile_external_ids') }}
),

events as (
    select * from {{ ref('stg_events__events') }}
    where user_id is not null
),

identified as (
    select
        user_id,
        traits
    from events
    where
        event_type = 'identify'
        and traits is not null
    qualify row_number() over (
        partition by user_id
        order by occurred_at desc nulls last, received_at desc nulls last, message_id asc
    ) = 1
),

consents as (
    select
        user_id,
        consent
    from events
    where consent is not null
    qualify row_number() over (
        partition by user_id
        order by occurred_at desc nulls last, received_at desc nulls last, message_id asc
    ) = 1
),

regions as (
    select
        user_id,
        upper(region) as region
    from events
    where region is not null
    qualify row_number() over (
        partition by user_id
        order by occurred_at desc nulls last, received_at desc nulls last, message_id asc
    ) = 1
),

seen as (
    select
        user_id,
        received_at as first_seen_at,
        received_at as last_seen_at
    from events

    union all

    select
        user_id,
        created_at as first_seen_at,
        created_at as last_seen_at
    from external_ids

    union all

    select
        user_id,
        null as first_seen_at,
        null as last_seen_at
    from profiles
),

users as (
    select
        user_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from seen
    group by user_id
),

final as (
    select
        users.user_id,

        coalesce(profiles.traits, identified.traits) as traits,
        consents.consent,
        regions.region,

        coalesce(profiles.is_deleted, false) as is_deleted,

        users.first_seen_at,
        users.last_seen_at
    from users
    left join profiles
        on users.user_id = profiles.user_id
    left join identified
        on users.user_id = identified.user_id
    left join consents
        on users.user_id = consents.user_id
    left join regions
        on users.user_id = regions.user_id
)

select * from final
