-- Grain: one row per page or screen that was looked at.
-- A page was looked at until the visitor's next call of the session; the last one nobody knows.

{{ config(materialized='view') }}

with

events as (
    select * from {{ ref('fct_events') }}
    where session_id is not null
),

timed as (
    select
        *,
        lead(occurred_at) over (
            partition by session_id
            order by call_number asc
        ) as next_called_at,
        sum(case when event_type in ('page', 'screen') then 1 else 0 end) over (
            partition by session_id
            order by call_number asc
            rows between unbounded preceding and current row
        ) as view_number,
        sum(case when event_type in ('page', 'screen') then 1 else 0 end) over (
            partition by session_id
        ) as views_in_session
    from events
),

final as (
    select
        message_id,
        customer_id,
        session_id,
        user_id,
        anonymous_id,

        event_type as view_type,
        event_name as view_name,
        event_source,
        page_url,
        page_path,
        page_title,
        page_referrer,
        properties,
        cast(view_number = views_in_session as boolean) as is_exit,

        cast(view_number as {{ dbt.type_bigint() }}) as view_number,
        cast(views_in_session as {{ dbt.type_bigint() }}) as views_in_session,
        cast(
            {{ dbt.datediff('occurred_at', 'next_called_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as seconds_until_next_call,

        occurred_at as viewed_at
    from timed
    where event_type in ('page', 'screen')
)

select * from final
