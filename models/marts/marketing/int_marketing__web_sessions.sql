-- Grain: one row per visit: calls of one device (or, without one, user) with no gap above
-- session_gap_minutes.
-- The first call of a visit says where it came from; a sign-in within it says whose it is.

{{ config(contract={'enforced': false}) }}

with

calls as (
    select
        *,
        coalesce(anonymous_id, user_id) as visitor_id
    from {{ ref('int_identity__calls') }}
    where
        event_type in ('page', 'screen', 'track', 'identify')
        and coalesce(anonymous_id, user_id) is not null
),

compared as (
    select
        *,
        lag(occurred_at) over (
            partition by visitor_id
            order by occurred_at asc nulls last, message_id asc
        ) as occurred_before
    from calls
),

numbered as (
    select
        *,
        sum(
            case
                when occurred_before is null then 1
                when
                    {{ dbt.datediff('occurred_before', 'occurred_at', 'second') }}
                    > {{ var('session_gap_minutes') * 60 }}
                    then 1
                else 0
            end
        ) over (
            partition by visitor_id
            order by occurred_at asc nulls last, message_id asc
            rows between unbounded preceding and current row
        ) as session_number
    from compared
),

placed as (
    select
        *,
        row_number() over (
            partition by visitor_id, session_number
            order by occurred_at asc nulls last, message_id asc
        ) as call_number
    from numbered
),

-- The last user to sign in on the device during the visit.
users as (
    select
        visitor_id,
        session_number,
        user_id
    from placed
    where user_id is not null
    qualify row_number() over (
        partition by visitor_id, session_number
        order by call_number desc
    ) = 1
),

sums as (
    select
        visitor_id,
        session_number,
        count(*) as number_of_calls,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from placed
    group by visitor_id, session_number
),

final as (
    select
        placed.message_id as session_id,
        placed.anonymous_id,
        users.user_id,

        {{ json_text('placed.context', 'page.url') }} as landing_url,
        nullif({{ json_text('placed.context', 'page.referrer') }}, '') as referrer,
        {{ json_text('placed.context', 'campaign.source') }} as campaign_source,
        {{ json_text('placed.context', 'campaign.medium') }} as campaign_medium,
        {{ json_text('placed.context', 'campaign.name') }} as campaign_name,

        sums.number_of_calls,

        sums.started_at,
        sums.ended_at
    from placed
    inner join sums
        on
            placed.visitor_id = sums.visitor_id
            and placed.session_number = sums.session_number
    left join users
        on
            placed.visitor_id = users.visitor_id
            and placed.session_number = users.session_number
    where placed.call_number = 1
)

select * from final
