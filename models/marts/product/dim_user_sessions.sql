-- Grain: one row per customer who has sessions.
-- Sessions of before a sign-in are the customer's too, from the build in which the device is.

with

sessions as (
    select * from {{ ref('fct_sessions') }}
    where customer_id is not null
),

sums as (
    select
        customer_id,
        count(*) as number_of_sessions,
        count(distinct visitor_key) as number_of_visitors,
        sum(number_of_views) as number_of_views,
        sum(number_of_calls) as number_of_calls,
        sum(duration_seconds) as duration_seconds,
        sum(case when number_of_calls = 1 then 1 else 0 end) as sessions_of_one_call
    from sessions
    group by customer_id
),

first_sessions as (
    select *
    from sessions
    qualify row_number() over (
        partition by customer_id
        order by started_at asc nulls last, session_id asc
    ) = 1
),

last_sessions as (
    select *
    from sessions
    qualify row_number() over (
        partition by customer_id
        order by started_at desc nulls last, session_id desc
    ) = 1
),

final as (
    select
        sums.customer_id,
        firsts.session_id as first_session_id,
        lasts.session_id as last_session_id,

        cast(sums.number_of_sessions as {{ dbt.type_bigint() }}) as number_of_sessions,
        cast(sums.number_of_visitors as {{ dbt.type_bigint() }}) as number_of_visitors,
        cast(sums.number_of_views as {{ dbt.type_bigint() }}) as number_of_views,
        cast(sums.number_of_calls as {{ dbt.type_bigint() }}) as number_of_calls,
        cast(sums.sessions_of_one_call as {{ dbt.type_bigint() }}) as sessions_of_one_call,
        cast(sums.duration_seconds as {{ dbt.type_bigint() }}) as duration_seconds,

        firsts.landing_url as first_landing_url,
        firsts.referrer as first_referrer,
        firsts.campaign_source as first_campaign_source,
        firsts.campaign_medium as first_campaign_medium,
        firsts.campaign_name as first_campaign_name,
        lasts.landing_url as last_landing_url,
        lasts.exit_url as last_exit_url,
        lasts.campaign_source as last_campaign_source,
        lasts.campaign_medium as last_campaign_medium,
        lasts.campaign_name as last_campaign_name,

        firsts.started_at as first_started_at,
        lasts.ended_at as last_ended_at
    from sums
    inner join first_sessions as firsts
        on sums.customer_id = firsts.customer_id
    inner join last_sessions as lasts
        on sums.customer_id = lasts.customer_id
)

select * from final
