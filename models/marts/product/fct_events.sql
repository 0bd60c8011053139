-- Grain: one row per call of the product's tracking.
-- The customer is today's: who was anonymous then is known as soon as the device is, however late.

{{ config(materialized='view') }}

with

events as (
    select * from {{ ref('int_product__events') }}
    where not is_gone
),

session_events as (
    select * from {{ ref('int_product__session_events') }}
    where not is_gone
),

sessions as (
    select * from {{ ref('int_product__sessions') }}
    where not is_gone
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

final as (
    select
        cast(events.message_id as {{ dbt.type_string() }}) as message_id,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(sessions.session_id as {{ dbt.type_string() }}) as session_id,
        cast(events.user_id as {{ dbt.type_string() }}) as user_id,
        cast(events.anonymous_id as {{ dbt.type_string() }}) as anonymous_id,

        cast(events.event_type as {{ dbt.type_string() }}) as event_type,
        cast(events.event_name as {{ dbt.type_string() }}) as event_name,
        cast(events.event_source as {{ dbt.type_string() }}) as event_source,
        cast(events.page_url as {{ dbt.type_string() }}) as page_url,
        cast(events.page_path as {{ dbt.type_string() }}) as page_path,
        cast(events.page_title as {{ dbt.type_string() }}) as page_title,
        cast(events.page_referrer as {{ dbt.type_string() }}) as page_referrer,
        cast(events.campaign_source as {{ dbt.type_string() }}) as campaign_source,
        cast(events.campaign_medium as {{ dbt.type_string() }}) as campaign_medium,
        cast(events.campaign_name as {{ dbt.type_string() }}) as campaign_name,
        cast(events.properties as {{ dbt.type_string() }}) as properties,

        cast(session_events.call_number as {{ dbt.type_bigint() }}) as call_number,

        cast(events.occurred_at as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(events.received_at as {{ dbt.type_timestamp() }}) as received_at
    from events
    left join session_events
        on
            events.visitor_number = session_events.visitor_number
            and events.message_number = session_events.message_number
    left join sessions
        on
            session_events.visitor_number = sessions.visitor_number
            and session_events.session_number = sessions.session_number
    left join xref
        on
            case
                when events.user_id is not null
                    then {{ record_key('segment', 'user', 'events.user_id') }}
                else {{ record_key('segment', 'anonymous', 'events.anonymous_id') }}
            end = xref.record_key
)

select * from final
