-- Harm: components that stop one round early split one person into two customers; no unique or not-
-- null test notices.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

links as (
    select * from {{ ref('int_identity__decided_links') }}
),

clusters as (
    select * from {{ ref('int_identity__candidate_clusters') }}
),

final as (
    select
        links.record_key_a,
        links.record_key_b,
        a.cluster_key as cluster_key_a,
        b.cluster_key as cluster_key_b
    from links
    left join clusters as a
        on links.record_key_a = a.record_key
    left join clusters as b
        on links.record_key_b = b.record_key
    where
        a.cluster_key is null
        or b.cluster_key is null
        or a.cluster_key <> b.cluster_key
)

select * from final
