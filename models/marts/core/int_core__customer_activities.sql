-- Grain: one row per customer, kind of activity and moment.
-- Sales' tasks and meetings count when they were written down: due dates and meetings may lie in
-- the future.

{{ config(materialized='view', contract={'enforced': false}) }}

with

calls as (
    select * from {{ ref('int_identity__calls') }}
),

tasks as (
    select * from {{ ref('stg_salesforce__tasks') }}
    where not is_deleted
),

meetings as (
    select * from {{ ref('stg_salesforce__events') }}
    where not is_deleted
),

orders as (
    select * from {{ ref('fct_orders') }}
    where customer_id is not null
),

touches as (
    select * from {{ ref('fct_touches') }}
    where customer_id is not null
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

by_record as (
    select
        coalesce(
            {{ record_key('segment', 'user', 'user_id') }},
            {{ record_key('segment', 'anonymous', 'anonymous_id') }}
        ) as record_key,
        'call' as activity,
        max(occurred_at) as happened_at
    from calls
    group by
        coalesce(
            {{ record_key('segment', 'user', 'user_id') }},
            {{ record_key('segment', 'anonymous', 'anonymous_id') }}
        )

    union all

    -- The first three characters of a Salesforce id name its object: 003 is a contact, 00Q a lead.
    select
        case left(who_id, 3)
            when '003' then {{ record_key('salesforce', 'contact', 'who_id') }}
            when '00Q' then {{ record_key('salesforce', 'lead', 'who_id') }}
        end as record_key,
        'task' as activity,
        created_at as happened_at
    from tasks

    union all

    select
        case left(who_id, 3)
            when '003' then {{ record_key('salesforce', 'contact', 'who_id') }}
            when '00Q' then {{ record_key('salesforce', 'lead', 'who_id') }}
        end as record_key,
        'meeting' as activity,
        created_at as happened_at
    from meetings
),

final as (
    select distinct
        xref.customer_id,
        by_record.activity,
        by_record.happened_at
    from by_record
    inner join xref
        on by_record.record_key = xref.record_key

    union all

    select distinct
        customer_id,
        'order' as activity,
        ordered_at as happened_at
    from orders

    union all

    select distinct
        customer_id,
        'touch' as activity,
        touched_at as happened_at
    from touches
)

select * from final
