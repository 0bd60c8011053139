-- Derived from contracts/tracking_plan by `braid contracts build`; edits are lost.
-- Grain: one row per page call. A value that is not of the planned type is null here; the payload
-- has it.
-- Columns are called what the plan calls them, keyword or not.
-- noqa: disable=RF04

with

calls as (
    select * from {{ ref('stg_events__events') }}
    where event_type = 'page'
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
        {{ json_text('properties', 'url') }} as url_text,
        {{ json_text('properties', 'path') }} as path_text,
        {{ json_text('properties', 'search') }} as search_text,
        {{ json_text('properties', 'title') }} as title_text,
        {{ json_text('properties', 'referrer') }} as referrer_text,
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

        url_text as url,
        path_text as path,
        search_text as search,
        title_text as title,
        referrer_text as referrer,

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
