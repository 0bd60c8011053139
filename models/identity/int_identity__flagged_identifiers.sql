-- Grain: one row per identifier value that ties nobody together, with the reason.

{{ config(materialized='view') }}

with

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where identifier_status <> 'usable'
),

final as (
    select
        identifier_type,
        identifier_value,

        identifier_status,
        min(why) as why,

        count(*) as number_of_records
    from identifiers
    group by identifier_type, identifier_value, identifier_status
)

select * from final
