-- Grain: one row per touch: a visit to the site or app, a response to a campaign, a lead that came
-- in.
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

xref as (
    select * from {{ ref('customer_xref_current') }}
),

web_touches as (
    select
        {{ record_key('segment', 'session', 'session_id') }} as touch_key,
        coalesce(
            {{ record_key('segment', 'user', 'user_id') }},
            visitor_key
        ) as record_key,
        'web_session' as touch_type,
        case
            when campaign_medium is not null then lower(campaign_medium)
            when referrer is null then 'direct'
            when {{ is_at_host('referrer', [
                'google', 'bing', 'duckduckgo', 'yahoo', 'ecosia', 'baidu', 'yandex'
            ]) }} then 'organic'
            when {{ is_at_host('referrer', [
                'linkedin', 'facebook', 'instagram', 'twitter', 'x', 'youtube', 'tiktok', 'reddit'
            ]) }} then 'social'
            -- A page of the same site is where a visit goes on after a pause.
            when
                split_part(referrer, '/', 3) = split_part(landing_url, '/', 3)
                then 'direct'
            else 'referral'
        end as channel,
        campaign_source,
        campaign_name,
        landing_url,
        referrer,
        number_of_calls,
        started_at as touched_at
    from sessions
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
        null as campaign_source,
        null as campaign_name,
        null as landing_url,
        null as referrer,
        null as number_of_calls,
        created_at as touched_at
    from leads
    where not is_deleted
),

every as (
    select * from web_touches

    union all

    select * from campaign_touches

    union all

    select * from lead_touches
),

final as (
    select
        cast(every.touch_key as {{ dbt.type_string() }}) as touch_key,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,

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
