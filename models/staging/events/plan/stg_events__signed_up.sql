-- Derived from contracts/tracking_plan by `braid contracts build`; edits are lost.
-- Grain: one row per "Signed Up" call. A value that is not of the planned type is null here; the
-- payload has it.
-- Columns are called what the plan calls them, keyword or not.
-- noqa: disable=RF04

with

calls as (
    select * from {{ ref('stg_events__events') }}
    where
        event_type = 'track'
        and event_name = 'Signed Up'
),

texts as (
    select
        message_id,
        user_id,
        anonymous_id,
        event_source,
        consent,
        region,
        occurred_at,
        received_at,
        extracted_at,
        {{ json_text('properties', 'method') }} as method_text,
        coalesce(
            {{ text_as_integer(json_text('context', 'protocols.event_version')) }},
            1
        ) as event_version
    from calls
),

final as (
    select
        message_id,
        user_id,
        anonymous_id,

        method_text as method,

        event_version,
        event_source,
        consent,
        region,

        occurred_at,
        received_at,
        extracted_at
    from texts
)

select * from final
