-- Grain: one row per call that is part of a session, with the session and the stretch it is in.
-- A stretch is a visitor's calls without a pause (or midnight) between; a change of the campaign
-- divides it into sessions. A new call is looked at with the stretches it touches, and with nothing
-- else.
-- Calls that went stay as numbers, marked is_gone. Numbers name messages and visitors, see
-- int_product__events.

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['visitor_number', 'message_number'],
    on_schema_change='append_new_columns',
    contract={'enforced': false}
) }}

{%- set scope = session_scope() %}
{%- set gap = var('session_gap_minutes') %}

with

events as (
    select
        visitor_number,
        message_number,
        {{ campaign_number() }} as campaign_number,
        user_id,
        coalesce(event_type in ('page', 'screen'), false) as is_view,
        is_in_session,
        occurred_at,
        written_number
    from {{ ref('int_product__events') }}
    {%- if scope == 'changes' %}
        where written_number > (select max(known.read_number) from {{ this }} as known)
    {%- endif %}
),

{% if scope == 'changes' -%}
    -- Calls that are another visitor's now.
    moved as (
        select known.*
        from {{ this }} as known
        inner join events
            on
                known.message_number = events.message_number
                and known.visitor_number <> events.visitor_number
        where not known.is_gone
    ),

    visitors as (
        select visitor_number
        from events

        union

        select visitor_number
        from moved
    ),

    near as (
        select known.*
        from {{ this }} as known
        inner join visitors
            on known.visitor_number = visitors.visitor_number
        where not known.is_gone
    ),

    touched as (
        select
            near.visitor_number,
            near.stretch_number
        from near
        inner join events
            on near.visitor_number = events.visitor_number
        where
            near.message_number = events.message_number
            or (
                events.is_in_session
                and near.occurred_at
                <= {{ dbt.dateadd('minute', gap, 'events.occurred_at') }}
                and events.occurred_at
                <= {{ dbt.dateadd('minute', gap, 'near.occurred_at') }}
                {%- if var('session_midnight') %}
                    and {{ session_day('near.occurred_at') }} = {{ session_day('events.occurred_at') }}
                {%- endif %}
            )

        union

        select
            visitor_number,
            stretch_number
        from moved
    ),

    stayed as (
        select near.*
        from near
        inner join touched
            on
                near.visitor_number = touched.visitor_number
                and near.stretch_number = touched.stretch_number
        left join events
            on near.message_number = events.message_number
        where events.message_number is null
    ),

    calls as (
        select
            visitor_number,
            message_number,
            campaign_number,
            user_id,
            is_view,
            occurred_at
        from events
        where is_in_session

        union all

        select
            visitor_number,
            message_number,
            campaign_number,
            user_id,
            is_view,
            occurred_at
        from stayed
    ),

    gone as (
        select
            near.visitor_number,
            near.message_number
        from near
        inner join events
            on
                near.visitor_number = events.visitor_number
                and near.message_number = events.message_number
        where not events.is_in_session

        union

        select
            visitor_number,
            message_number
        from moved
    ),
{%- else -%}
    calls as (
        select * from events
        where is_in_session
    ),
{%- endif %}
{%- if scope == 'nothing' %}

    gone as (
        select
            known.visitor_number,
            known.message_number
        from {{ this }} as known
        left join calls
            on
                known.visitor_number = calls.visitor_number
                and known.message_number = calls.message_number
        where
            calls.message_number is null
            and not known.is_gone
    ),
{%- endif %}

{{ placed_calls('calls') }},

numbers as (
    select
        cast({{ sessions_run_number() }} as {{ dbt.type_bigint() }}) as written_number,
        cast(coalesce(max(written_number), 0) as {{ dbt.type_bigint() }}) as read_number
    from {{ ref('int_product__events') }}
),

final as (
    select
        placed.visitor_number,
        placed.message_number,
        placed.stretch_number,
        placed.session_number,
        placed.call_number,
        placed.campaign_number,
        placed.user_id,
        placed.is_view,
        false as is_gone,
        placed.occurred_at,
        numbers.written_number,
        numbers.read_number,
        '{{ session_rules() }}' as session_rules
    from placed
    cross join numbers
    {%- if scope %}

        union all

        select
            gone.visitor_number,
            gone.message_number,
            null as stretch_number,
            null as session_number,
            null as call_number,
            null as campaign_number,
            null as user_id,
            false as is_view,
            true as is_gone,
            null as occurred_at,
            numbers.written_number,
            numbers.read_number,
            '{{ session_rules() }}' as session_rules
        from gone
        cross join numbers
    {%- endif %}
)

select * from final
