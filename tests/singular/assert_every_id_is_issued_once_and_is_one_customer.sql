-- Harm: an id that means two customers, or none, breaks whatever was exported under it; one that is
-- issued twice gives a stranger's history to somebody.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

ids as (
    select * from {{ ref('customer_ids') }}
),

lookup as (
    select * from {{ ref('customer_id_lookup') }}
),

xref as (
    select distinct customer_id from {{ ref('customer_xref_current') }}
),

issued as (
    select
        customer_id,
        sum(case when change_type in ('minted', 'split') then 1 else 0 end) as times_issued,
        max(case when change_type = 'closed' then 1 else 0 end) as was_closed
    from ids
    group by customer_id
),

final as (
    select
        coalesce(issued.customer_id, xref.customer_id) as customer_id,
        issued.times_issued,
        lookup.living_customer_id
    from issued
    left join lookup
        on issued.customer_id = lookup.customer_id
    full join xref
        on issued.customer_id = xref.customer_id
    left join xref as living
        on lookup.living_customer_id = living.customer_id
    where
        -- A customer nobody issued an id for.
        issued.customer_id is null
        or issued.times_issued <> 1
        -- The living are those with records, and every other id is one of them.
        or lookup.is_living <> (xref.customer_id is not null)
        or (living.customer_id is null and issued.was_closed = 0)
)

select * from final
