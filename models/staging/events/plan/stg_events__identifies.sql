-- Derived from contracts/tracking_plan by `braid contracts build`; edits are lost.
-- Grain: one row per identify call. A value that is not of the planned type is null here; the
-- payload has it.
-- Columns are called what the plan calls them, keyword or not.
-- noqa: disable=RF04

with

calls as (
    select * from {{ ref('stg_events__events') }}
    where event_type = 'identify'
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
        {{ json_text('traits', 'email') }} as email_text,
        {{ json_text('traits', 'first_name') }} as first_name_text,
        {{ json_text('traits', 'last_name') }} as last_name_text,
        {{ json_text('traits', 'phone') }} as phone_text,
        {{ json_text('traits', 'company') }} as company_text,
        {{ json_text('traits', 'country') }} as country_text,
        {{ json_text('traits', 'plan') }} as plan_text,
        {{ json_text('traits', 'created_at') }} as created_at_text,
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

        email_text as email,
        first_name_text as first_name,
        last_name_text as last_name,
        phone_text as phone,
        company_text as company,
        country_text as country,
        plan_text as plan,
        {{ text_as_timestamp('created_at_text') }} as created_at,

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
