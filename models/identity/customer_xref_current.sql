-- Grain: one row per source record, with the customer it belongs to today.
-- What marts join; customer_xref has the days before.

{{ config(materialized='view') }}

with

xref as (
    select * from {{ ref('customer_xref') }}
    where valid_to is null
),

final as (
    select
        record_key,
        customer_id,
        valid_from
    from xref
)

select * from final
