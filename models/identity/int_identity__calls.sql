-- Grain: one row per call of the product's tracking, as facts read it.
-- A call made under a placeholder ("undefined", "guest") is its device's: user_id is null.

{{ config(materialized='view') }}

with

events as (
    select * from {{ ref('stg_events__events') }}
),

placeholder_users as (
    select * from {{ ref('int_identity__placeholder_users') }}
),

final as (
    select
        events.message_id,
        case when placeholder_users.user_id is null then events.user_id end as user_id,
        events.anonymous_id,

        events.event_type,
        events.event_name,
        events.context,
        events.properties,

        events.occurred_at,
        events.received_at
    from events
    left join placeholder_users
        on events.user_id = placeholder_users.user_id
)

select * from final
