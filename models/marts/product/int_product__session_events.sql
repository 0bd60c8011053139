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
{%- set in_order = 'partition by visitor_number order by occurred_at asc, message_number asc' %}
{%- set gap = var('session_gap_minutes') %}
{%- set offset = var('session_utc_offset_minutes') %}

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
    visitors as (
        select distinct visitor_number
        from events
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
        group by near.visitor_number, near.stretch_number
    ),

    stayed as (
        select near.*
        from near
        inner join touched
            on
                near.visitor_number = touched.visitor_number
                and near.stretch_number = touched.stretch_number
        left join events
            on
                near.visitor_number = events.visitor_number
                and near.message_number = events.message_number
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

compared as (
    select
        visitor_number,
        message_number,
        campaign_number,
        user_id,
        is_view,
        occurred_at,
        lag(occurred_at) over ({{ in_order }}) as occurred_before,
        row_number() over ({{ in_order }}) as place
    from calls
),

marked as (
    select
        *,
        coalesce(
            occurred_at > {{ dbt.dateadd('minute', gap, 'occurred_before') }}
            {%- if var('session_midnight') %}
                or {{ session_day('occurred_at') }} <> {{ session_day('occurred_before') }}
            {%- endif %},
            true
        ) as begins_stretch
    from compared
),

stretched as (
    select
        *,
        {{ last_known('case when begins_stretch then message_number end') }} over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as stretch_number,
        max(case when begins_stretch then place end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as first_place,
        {{ last_known('case when campaign_number is not null then campaign_number'
            ~ ' when begins_stretch then ' ~ no_campaign_number() ~ ' end') }} over (
            {{ in_order }} rows between unbounded preceding and 1 preceding
        ) as campaign_before
    from marked
),

turned as (
    select
        *,
        coalesce(not begins_stretch and campaign_number <> campaign_before, false) as turns
    from stretched
),

divided_stretches as (
    select distinct
        visitor_number,
        stretch_number
    from turned
    where turns
),

openings as (
    select
        turned.*,
        case when turned.begins_stretch or turned.turns then turned.message_number end
            as opening_number,
        case when turned.begins_stretch or turned.turns then turned.place end as opening_place
    from turned
    inner join divided_stretches
        on
            turned.visitor_number = divided_stretches.visitor_number
            and turned.stretch_number = divided_stretches.stretch_number
),

divided as (
    select
        *,
        {{ last_known('opening_number') }} over (
            partition by visitor_number, stretch_number
            order by place asc
            rows between unbounded preceding and current row
        ) as session_number,
        max(opening_place) over (
            partition by visitor_number, stretch_number
            order by place asc
            rows between unbounded preceding and current row
        ) as session_place
    from openings
),

placed as (
    select
        visitor_number,
        message_number,
        campaign_number,
        user_id,
        is_view,
        occurred_at,
        stretch_number,
        session_number,
        place - session_place + 1 as call_number
    from divided

    union all

    select
        turned.visitor_number,
        turned.message_number,
        turned.campaign_number,
        turned.user_id,
        turned.is_view,
        turned.occurred_at,
        turned.stretch_number,
        turned.stretch_number as session_number,
        turned.place - turned.first_place + 1 as call_number
    from turned
    left join divided_stretches
        on
            turned.visitor_number = divided_stretches.visitor_number
            and turned.stretch_number = divided_stretches.stretch_number
    where divided_stretches.stretch_number is null
),

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
