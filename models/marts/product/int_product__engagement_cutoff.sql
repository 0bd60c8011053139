-- Grain: one row, the last day that engagement knows of: the variable value_cutoff or, without it,
-- the day the newest call arrived on. Devices' clocks may be years ahead; the collector's is not.

{{ config(materialized='view', contract={'enforced': false}) }}

with

events as (
    select * from {{ ref('fct_events') }}
),

final as (
    select
        coalesce(
            cast(nullif('{{ var("value_cutoff") }}', '') as date),
            cast(max(received_at) as date)
        ) as cutoff_day
    from events
)

select * from final
