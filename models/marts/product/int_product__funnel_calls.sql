-- Grain: one row per funnel and call that could take one of its steps, with the step.

{{ config(materialized='view', contract={'enforced': false}) }}

with

events as (
    select * from {{ ref('fct_events') }}
    where
        customer_id is not null
        and event_type in ('track', 'page')
),

steps as (
    select * from {{ ref('funnel_steps') }}
),

named as (
    select
        steps.*,
        events.message_id,
        events.customer_id,
        events.session_id,
        events.properties,
        events.occurred_at
    from events
    inner join steps
        on lower(events.event_name) = steps.event_name
    where events.event_type = 'track'

    union all

    select
        steps.*,
        events.message_id,
        events.customer_id,
        events.session_id,
        events.properties,
        events.occurred_at
    from events
    inner join steps
        on events.page_path like steps.page_pattern escape '!'
    where events.event_type = 'page'
),

final as (
    select
        funnel_name,
        step_number,
        step_name,
        number_of_steps,
        window_hours,

        message_id,
        customer_id,
        session_id,

        occurred_at
    from named
    where
        property_name is null
        or {{ json_property('properties', 'property_name') }} = property_value
)

select * from final
