-- Grain: one row per session: a visitor's calls without a pause, of one campaign.
-- Whose it is: the last user who signed in during it, else the device's customer as it is known
-- today.

{{ config(materialized='view') }}

with

sessions as (
    select
        *,
        coalesce({{ record_key('segment', 'user', 'user_id') }}, visitor_key) as record_key
    from {{ ref('int_product__sessions') }}
    where not is_gone
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

final as (
    select
        cast(sessions.session_id as {{ dbt.type_string() }}) as session_id,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(sessions.visitor_key as {{ dbt.type_string() }}) as visitor_key,
        cast(sessions.user_id as {{ dbt.type_string() }}) as user_id,
        cast(sessions.anonymous_id as {{ dbt.type_string() }}) as anonymous_id,

        cast(sessions.event_source as {{ dbt.type_string() }}) as event_source,
        cast(sessions.landing_url as {{ dbt.type_string() }}) as landing_url,
        cast(sessions.landing_title as {{ dbt.type_string() }}) as landing_title,
        cast(sessions.exit_url as {{ dbt.type_string() }}) as exit_url,
        cast(sessions.exit_title as {{ dbt.type_string() }}) as exit_title,
        cast(sessions.referrer as {{ dbt.type_string() }}) as referrer,
        cast(sessions.campaign_source as {{ dbt.type_string() }}) as campaign_source,
        cast(sessions.campaign_medium as {{ dbt.type_string() }}) as campaign_medium,
        cast(sessions.campaign_name as {{ dbt.type_string() }}) as campaign_name,
        cast(sessions.campaign_term as {{ dbt.type_string() }}) as campaign_term,
        cast(sessions.campaign_content as {{ dbt.type_string() }}) as campaign_content,
        cast(sessions.is_opened_by_campaign as boolean) as is_opened_by_campaign,

        cast(sessions.number_of_calls as {{ dbt.type_bigint() }}) as number_of_calls,
        cast(sessions.number_of_views as {{ dbt.type_bigint() }}) as number_of_views,
        cast(
            {{ dbt.datediff('sessions.started_at', 'sessions.ended_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as duration_seconds,

        cast(sessions.started_at as {{ dbt.type_timestamp() }}) as started_at,
        cast(sessions.ended_at as {{ dbt.type_timestamp() }}) as ended_at
    from sessions
    left join xref
        on sessions.record_key = xref.record_key
)

select * from final
