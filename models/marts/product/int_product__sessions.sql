-- Grain: one row per session; made anew where its calls were written anew.
-- A session that is one no more (joined with one before, or all its calls went) stays as numbers,
-- marked is_gone.

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['visitor_number', 'session_number'],
    on_schema_change='append_new_columns',
    contract={'enforced': false}
) }}

with

calls as (
    select * from {{ ref('int_product__session_events') }}
    {% if is_incremental() -%}
        where written_number > (select coalesce(max(known.read_number), 0) from {{ this }} as known)
    {%- endif %}
),

openings as (
    select * from {{ ref('int_product__events') }}
    where is_in_session
),

-- Read by itself: what two parts of a query name may be made a table first, with all its texts.
views as (
    select
        visitor_number,
        message_number,
        page_url,
        page_title
    from {{ ref('int_product__events') }}
    where
        is_in_session
        and event_type in ('page', 'screen')
),

sessions as (
    select
        visitor_number,
        session_number,
        min(stretch_number) as stretch_number,
        count(*) as number_of_calls,
        sum(case when is_view then 1 else 0 end) as number_of_views,
        -- The last user to sign in during the session.
        max_by(user_id, case when user_id is not null then call_number end) as user_id,
        max_by(message_number, case when is_view then call_number end) as last_view_number,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from calls
    where not is_gone
    group by visitor_number, session_number
),

numbers as (
    select
        min(written_number) as first_number,
        cast(coalesce(max(written_number), 0) as {{ dbt.type_bigint() }}) as read_number
    from {{ ref('int_product__session_events') }}
),

{% if is_incremental() -%}
    known as (
        select
            visitor_number,
            session_number
        from {{ this }}
        where not is_gone
    ),

    -- Whether all calls were made anew since they were last read: who left then is told by no row.
    readings as (
        select
            coalesce(
                max(numbers.first_number) > (select max(earlier.read_number) from {{ this }} as earlier),
                true
            ) as is_all_anew
        from numbers
    ),

    gone as (
        select
            known.visitor_number,
            known.session_number
        from known
        inner join calls
            on
                known.visitor_number = calls.visitor_number
                and known.session_number = calls.message_number
        where calls.is_gone or calls.session_number <> calls.message_number

        union

        select
            known.visitor_number,
            known.session_number
        from known
        inner join readings
            on readings.is_all_anew
        left join sessions
            on
                known.visitor_number = sessions.visitor_number
                and known.session_number = sessions.session_number
        where sessions.session_number is null
    ),
{%- endif %}

final as (
    select
        sessions.visitor_number,
        sessions.session_number,
        openings.message_id as session_id,
        openings.visitor_key,
        openings.anonymous_id,
        sessions.user_id,

        openings.event_source,
        sessions.session_number <> sessions.stretch_number as is_opened_by_campaign,
        openings.page_url as landing_url,
        openings.page_title as landing_title,
        exits.page_url as exit_url,
        exits.page_title as exit_title,
        openings.page_referrer as referrer,
        openings.campaign_source,
        openings.campaign_medium,
        openings.campaign_name,
        openings.campaign_term,
        openings.campaign_content,

        sessions.number_of_calls,
        sessions.number_of_views,

        false as is_gone,

        sessions.started_at,
        sessions.ended_at,
        numbers.read_number
    from sessions
    inner join openings
        on
            sessions.visitor_number = openings.visitor_number
            and sessions.session_number = openings.message_number
    left join views as exits
        on
            sessions.visitor_number = exits.visitor_number
            and sessions.last_view_number = exits.message_number
    cross join numbers
    {%- if is_incremental() %}

        union all

        select
            gone.visitor_number,
            gone.session_number,
            null as session_id,
            null as visitor_key,
            null as anonymous_id,
            null as user_id,

            null as event_source,
            false as is_opened_by_campaign,
            null as landing_url,
            null as landing_title,
            null as exit_url,
            null as exit_title,
            null as referrer,
            null as campaign_source,
            null as campaign_medium,
            null as campaign_name,
            null as campaign_term,
            null as campaign_content,

            null as number_of_calls,
            null as number_of_views,

            true as is_gone,

            null as started_at,
            null as ended_at,
            numbers.read_number
        from gone
        cross join numbers
    {%- endif %}
)

select * from final
