-- Grain: one row per touch: a visit to the site or app, a response to a campaign, a lead that came
-- in, a call, an email or a meeting of sales.
-- Touches of visitors nobody knows yet are customers of their own; they move to the person once a
-- device is signed in on.

with

sessions as (
    select * from {{ ref('fct_sessions') }}
),

campaign_members as (
    select * from {{ ref('stg_salesforce__campaign_members') }}
    where
        not is_deleted
        and has_responded
),

campaigns as (
    select * from {{ ref('stg_salesforce__campaigns') }}
),

leads as (
    select * from {{ ref('stg_salesforce__leads') }}
),

-- What sales only means to do has touched nobody yet.
tasks as (
    select * from {{ ref('stg_salesforce__tasks') }}
    where
        not is_deleted
        and is_closed
        and lower(task_subtype) in ('call', 'email', 'listemail')
),

every_meeting as (
    select
        *,
        max(extracted_at) over () as newest_extracted_at
    from {{ ref('stg_salesforce__events') }}
),

-- A meeting that is to come has touched nobody yet: what the last extraction found is our today.
meetings as (
    select * from every_meeting
    where
        not is_deleted
        and started_at <= newest_extracted_at
),

channel_media as (
    select * from {{ ref('channel_media') }}
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

web_touches as (
    select
        {{ record_key('segment', 'session', 'sessions.session_id') }} as touch_key,
        coalesce(
            {{ record_key('segment', 'user', 'sessions.user_id') }},
            sessions.visitor_key
        ) as record_key,
        'web_session' as touch_type,
        case
            when trim(sessions.campaign_medium) <> ''
                then coalesce(channel_media.channel, lower(trim(sessions.campaign_medium)))
            when sessions.referrer is null then 'direct'
            {% for known in channel_hosts() -%}
                when {{ is_at_host('sessions.referrer', known.hosts) }} then '{{ known.channel }}'
            {% endfor -%}
            -- A page of the same site is where a visit goes on after a pause.
            when
                split_part(sessions.referrer, '/', 3) = split_part(sessions.landing_url, '/', 3)
                then 'direct'
            else 'referral'
        end as channel,
        {{ record_key('segment', 'campaign', 'sessions.campaign_name') }} as campaign_key,
        sessions.campaign_source,
        sessions.campaign_name,
        sessions.landing_url,
        sessions.referrer,
        sessions.number_of_calls,
        sessions.started_at as touched_at
    from sessions
    left join channel_media
        on lower(trim(sessions.campaign_medium)) = channel_media.medium
),

campaign_touches as (
    select
        {{ record_key('salesforce', 'campaign_member', 'campaign_members.campaign_member_id') }}
            as touch_key,
        coalesce(
            {{ record_key('salesforce', 'contact', 'campaign_members.contact_id') }},
            {{ record_key('salesforce', 'lead', 'campaign_members.lead_id') }}
        ) as record_key,
        'campaign_response' as touch_type,
        lower(coalesce(campaigns.campaign_type, 'campaign')) as channel,
        {{ record_key('salesforce', 'campaign', 'campaign_members.campaign_id') }} as campaign_key,
        'salesforce' as campaign_source,
        campaigns.campaign_name,
        null as landing_url,
        null as referrer,
        null as number_of_calls,
        coalesce(
            cast(campaign_members.first_responded_on as timestamp),
            campaign_members.created_at
        ) as touched_at
    from campaign_members
    left join campaigns
        on campaign_members.campaign_id = campaigns.campaign_id
),

lead_touches as (
    select
        {{ record_key('salesforce', 'lead', 'lead_id') }} as touch_key,
        record_key,
        'lead_created' as touch_type,
        lower(coalesce(lead_source, 'unknown')) as channel,
        null as campaign_key,
        null as campaign_source,
        null as campaign_name,
        null as landing_url,
        null as referrer,
        null as number_of_calls,
        created_at as touched_at
    from leads
    where not is_deleted
),

-- The first three characters of a Salesforce id name its object: 003 is a contact, 00Q a lead.
sales_activities as (
    select
        {{ record_key('salesforce', 'task', 'task_id') }} as touch_key,
        who_id,
        case when lower(task_subtype) = 'call' then 'sales_call' else 'sales_email' end as channel,
        created_at as touched_at
    from tasks

    union all

    select
        {{ record_key('salesforce', 'event', 'event_id') }} as touch_key,
        who_id,
        'sales_meeting' as channel,
        started_at as touched_at
    from meetings
),

sales_touches as (
    select
        touch_key,
        case left(who_id, 3)
            when '003' then {{ record_key('salesforce', 'contact', 'who_id') }}
            when '00Q' then {{ record_key('salesforce', 'lead', 'who_id') }}
        end as record_key,
        'sales_activity' as touch_type,
        channel,
        null as campaign_key,
        'salesforce' as campaign_source,
        null as campaign_name,
        null as landing_url,
        null as referrer,
        null as number_of_calls,
        touched_at
    from sales_activities
    where left(who_id, 3) in ('003', '00Q')
),

every as (
    select * from web_touches

    union all

    select * from campaign_touches

    union all

    select * from lead_touches

    union all

    select * from sales_touches
),

final as (
    select
        cast(every.touch_key as {{ dbt.type_string() }}) as touch_key,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(every.campaign_key as {{ dbt.type_string() }}) as campaign_key,

        cast(every.touch_type as {{ dbt.type_string() }}) as touch_type,
        cast(every.channel as {{ dbt.type_string() }}) as channel,
        cast(every.campaign_source as {{ dbt.type_string() }}) as campaign_source,
        cast(every.campaign_name as {{ dbt.type_string() }}) as campaign_name,
        cast(every.landing_url as {{ dbt.type_string() }}) as landing_url,
        cast(every.referrer as {{ dbt.type_string() }}) as referrer,

        cast(every.number_of_calls as {{ dbt.type_bigint() }}) as number_of_calls,

        every.touched_at
    from every
    left join xref
        on every.record_key = xref.record_key
)

select * from final
