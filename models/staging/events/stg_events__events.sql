-- Grain: one row per message.

with

source as (
    select * from {{ source('events', 'events') }}
    where _quarantined_at is null
),

final as (
    select
        message_id,
        user_id,
        anonymous_id,

        type as event_type,
        event as event_name,
        context,
        properties,
        traits,
        consent,
        region,
        source as event_source,
        payload,
        plan_version,
        event_version,
        violations,

        timestamp as occurred_at,
        original_timestamp as original_occurred_at,
        sent_at,
        received_at,

        _extracted_at as extracted_at
    from source
)

select * from final
