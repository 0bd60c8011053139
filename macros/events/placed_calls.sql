{#- Rules of sessions as the CTEs of a query, the last of them `placed`: calls (the name of a CTE) with the stretch and
    the session they are in, and their place there. A stretch ends with a pause or, where the vars say so, with the day;
    within a stretch each change of the campaign opens a session. -#}
{% macro placed_calls(calls) %}
{%- set in_order = 'partition by visitor_number order by occurred_at asc, message_number asc' -%}
{%- set gap = var('session_gap_minutes') -%}
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
    from {{ calls }}
),

marked as (
    select
        *,
        coalesce(
            occurred_at > {{ dbt.dateadd('minute', gap, 'occurred_before') }}
            {%- if var('session_midnight') %}
                or {{ braid.session_day('occurred_at') }} <> {{ braid.session_day('occurred_before') }}
            {%- endif %},
            true
        ) as begins_stretch
    from compared
),

stretched as (
    select
        *,
        {{ braid.last_known('case when begins_stretch then message_number end') }} over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as stretch_number,
        max(case when begins_stretch then place end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as first_place,
        {{ braid.last_known('case when campaign_number is not null then campaign_number'
            ~ ' when begins_stretch then ' ~ braid.no_campaign_number() ~ ' end') }} over (
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
        {{ braid.last_known('opening_number') }} over (
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
)
{%- endmacro %}
