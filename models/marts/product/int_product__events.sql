-- Grain: one row per message, typed once and kept from build to build.
-- Goes by landings (landed_at): one that has other messages than were read of it is read again.
-- That is told by their number and the sum of their hashes, which are kept nowhere.
-- A message that went from raw, or was set aside there, stays as numbers, marked is_gone, for those
-- who have read it; written_number is the run that wrote the row.

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='message_id',
    on_schema_change='append_new_columns',
    contract={'enforced': false}
) }}

{%- set page_fields = ['url', 'path', 'title', 'referrer'] %}
{%- set paths = [
    'page.url', 'page.path', 'page.title', 'page.referrer',
    'campaign.source', 'campaign.medium', 'campaign.name', 'campaign.term', 'campaign.content',
] %}
{%- set number = events_run_number() %}
{#- Something else than Braid may have filled the table: rows without a moment are a landing. -#}
{%- set no_moment = "cast('1970-01-01' as " ~ dbt.type_timestamp() ~ ")" %}
{%- set landed_at = "coalesce(extracted_at, " ~ no_moment ~ ")" %}

with

events as (
    select
        *,
        {{ landed_at }} as landed_at
    from {{ ref('stg_events__events') }}
),

placeholder_users as (
    select * from {{ ref('int_identity__placeholder_users') }}
),

{% if is_incremental() -%}
    -- All that finds what is new reads ids alone: whole calls are read once, and only those.
    landings as (
        select
            {{ landed_at }} as landed_at,
            count(*) as number_of_events,
            sum({{ node_number('message_id') }}) as sum_of_events
        from {{ ref('stg_events__events') }}
        group by {{ landed_at }}
    ),

    known_landings as (
        select
            landed_at,
            count(*) as number_of_events,
            sum({{ node_number('message_id') }}) as sum_of_events
        from {{ this }}
        where not is_gone
        group by landed_at
    ),

    changed_landings as (
        select coalesce(landings.landed_at, known_landings.landed_at) as landed_at
        from landings
        full outer join known_landings
            on landings.landed_at = known_landings.landed_at
        where
            landings.number_of_events is null
            or known_landings.number_of_events is null
            or landings.number_of_events <> known_landings.number_of_events
            or landings.sum_of_events <> known_landings.sum_of_events
    ),

    read_again as (
        select
            read.message_id,
            read.landed_at
        from (
            select
                message_id,
                {{ landed_at }} as landed_at
            from {{ ref('stg_events__events') }}
        ) as read
        inner join changed_landings
            on read.landed_at = changed_landings.landed_at
    ),

    read_before as (
        select
            known.message_id,
            known.landed_at
        from {{ this }} as known
        inner join changed_landings
            on known.landed_at = changed_landings.landed_at
        where not known.is_gone
    ),

    gone as (
        select read_before.message_id
        from read_before
        left join read_again
            on read_before.message_id = read_again.message_id
        where read_again.message_id is null
    ),

    wanted as (
        select read_again.message_id
        from read_again
        left join read_before
            on
                read_again.message_id = read_before.message_id
                and read_again.landed_at = read_before.landed_at
        where read_before.message_id is null

        union

        -- A user id that became a placeholder, or is none any more.
        select known.message_id
        from {{ this }} as known
        left join placeholder_users
            on known.sent_user_id = placeholder_users.user_id
        where
            not known.is_gone
            and known.sent_user_id is not null
            and (known.user_id is null) <> (placeholder_users.user_id is not null)
    ),

    new_events as (
        select events.*
        from events
        inner join wanted
            on events.message_id = wanted.message_id
    ),
{%- else -%}
    new_events as (
        select * from events
    ),
{%- endif %}

parsed as (
    select
        new_events.*,
        {{ json_texts('new_events.context', paths) }} as contexts,
        -- A page call says of what page it is among its properties; a server has no other place.
        case
            when new_events.event_type = 'page'
                then {{ json_texts('new_events.properties', page_fields) }}
        end as page_properties,
        case
            when new_events.anonymous_id is not null
                then {{ record_key('segment', 'anonymous', 'new_events.anonymous_id') }}
            else {{ record_key('segment', 'user', 'new_events.user_id') }}
        end as visitor_key
    from new_events
),

typed as (
    select
        message_id,
        user_id as sent_user_id,
        anonymous_id,
        visitor_key,

        event_type,
        -- Views have their name beside their properties, not where a track call has its event.
        coalesce(
            event_name,
            case
                when event_type in ('page', 'screen')
                    then nullif(
                        coalesce(
                            {{ json_text('payload', 'name') }},
                            {{ json_text('properties', 'name') }}
                        ), ''
                    )
            end
        ) as event_name,
        event_source,
        properties,
        {% for field in page_fields -%}
            coalesce(
                nullif({{ json_texts_at('page_properties', page_fields, field) }}, ''),
                nullif({{ json_texts_at('contexts', paths, 'page.' ~ field) }}, '')
            ) as page_{{ field }},
        {% endfor %}
        {% for path in paths if path.startswith('campaign.') -%}
            nullif({{ json_texts_at('contexts', paths, path) }}, '')
                as {{ path | replace('.', '_') }}{{ ',' }}
        {% endfor %}
        coalesce(occurred_at, received_at) as occurred_at,
        received_at,
        landed_at
    from parsed
),

final as (
    select
        typed.message_id,
        case when placeholder_users.user_id is null then typed.sent_user_id end as user_id,
        typed.sent_user_id,
        typed.anonymous_id,
        typed.visitor_key,
        {{ message_number('typed.message_id') }} as message_number,
        {{ visitor_number('typed.visitor_key') }} as visitor_number,

        typed.event_type,
        typed.event_name,
        typed.event_source,
        typed.properties,
        typed.page_url,
        typed.page_path,
        typed.page_title,
        typed.page_referrer,
        typed.campaign_source,
        typed.campaign_medium,
        typed.campaign_name,
        typed.campaign_term,
        typed.campaign_content,

        false as is_gone,
        -- Whether the call is part of a session: somebody's, and something that a visitor does.
        coalesce(
            typed.event_type in ('page', 'screen', 'track', 'identify')
            and (typed.anonymous_id is not null or placeholder_users.user_id is null)
            and typed.visitor_key is not null
            and typed.occurred_at is not null,
            false
        ) as is_in_session,

        typed.occurred_at,
        typed.received_at,
        typed.landed_at,
        cast({{ number }} as {{ dbt.type_bigint() }}) as written_number
    from typed
    left join placeholder_users
        on typed.sent_user_id = placeholder_users.user_id
    {%- if is_incremental() %}

        union all

        select
            known.message_id,
            null as user_id,
            null as sent_user_id,
            null as anonymous_id,
            null as visitor_key,
            known.message_number,
            known.visitor_number,

            null as event_type,
            null as event_name,
            null as event_source,
            null as properties,
            null as page_url,
            null as page_path,
            null as page_title,
            null as page_referrer,
            null as campaign_source,
            null as campaign_medium,
            null as campaign_name,
            null as campaign_term,
            null as campaign_content,

            true as is_gone,
            false as is_in_session,

            null as occurred_at,
            null as received_at,
            known.landed_at,
            cast({{ number }} as {{ dbt.type_bigint() }}) as written_number
        from {{ this }} as known
        inner join gone
            on known.message_id = gone.message_id
    {%- endif %}
)

select * from final
