-- Grain: one row per customer id ever issued, with the customer it is today.
-- Ids kept elsewhere (exports, tickets, another system) are looked up here, once: the row names the
-- living customer, not the next id of a chain.

{{ config(materialized='view') }}

with

ids as (
    select * from {{ ref('customer_ids') }}
),

{{ ledger_state('ids') }},

final as (
    select
        customer_id,
        living_customer_id,
        anchor_record_key,

        coalesce(customer_id = living_customer_id, false) as is_living,

        issued_at
    from ledger
)

select * from final
