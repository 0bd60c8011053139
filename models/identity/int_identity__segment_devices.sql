-- Grain: one row per anonymous id seen in events.

with

events as (
    select * from {{ ref('stg_events__events') }}
    where anonymous_id is not null
),

ranked as (
    select
        anonymous_id,
        consent,
        upper(region) as region,
        row_number() over (
            partition by anonymous_id
            order by
                case when consent is null then 1 else 0 end asc,
                occurred_at desc nulls last,
                received_at desc nulls last,
                message_id asc
        ) as consent_rank,
        row_number() over (
            partition by anonymous_id
            order by
                case when region is null then 1 else 0 end asc,
                occurred_at desc nulls last,
                received_at desc nulls last,
                message_id asc
        ) as region_rank,
        received_at
    from events
),

final as (
    select
        anonymous_id,

        max(case when consent_rank = 1 then consent end) as consent,
        max(case when region_rank = 1 then region end) as region,

        min(received_at) as first_seen_at,
        max(received_at) as last_seen_at
    from ranked
    group by anonymous_id
)

select * from final
