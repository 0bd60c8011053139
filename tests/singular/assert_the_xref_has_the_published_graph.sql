-- Harm: a build that goes by what changed misses a change, and a customer is two, or two are one,
-- until somebody complains.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

clusters as (
    select * from {{ ref('identity_clusters') }}
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

pairs as (
    select distinct
        clusters.cluster_key,
        xref.customer_id
    from clusters
    full outer join xref
        on clusters.record_key = xref.record_key
),

torn as (
    select cluster_key
    from pairs
    group by cluster_key
    having count(*) > 1
),

merged as (
    select customer_id
    from pairs
    group by customer_id
    having count(*) > 1
),

-- A record without a cluster, or without a customer, is in neither.
final as (
    select pairs.*
    from pairs
    left join torn
        on pairs.cluster_key = torn.cluster_key
    left join merged
        on pairs.customer_id = merged.customer_id
    where
        pairs.cluster_key is null
        or pairs.customer_id is null
        or torn.cluster_key is not null
        or merged.customer_id is not null
)

select * from final
