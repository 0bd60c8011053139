-- Harm: a record the graph forgot belongs to no customer, so its orders, touches and consent vanish
-- from every mart, and one it invented would carry history of nobody.
-- While the gate holds a graph back, new records wait: then what is published counts.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

records as (
    select record_key from {{ ref('int_identity__records') }}
),

clusters as (
    select record_key from {{ ref('identity_clusters') }}
),

gate as (
    select count(*) as measures_over
    from {{ ref('identity_gate') }}
    where is_over
),

expected as (
    select records.record_key
    from records
    cross join gate
    where gate.measures_over = 0

    union all

    select clusters.record_key
    from clusters
    cross join gate
    where gate.measures_over > 0
),

xref as (
    select record_key from {{ ref('customer_xref_current') }}
),

final as (
    select
        expected.record_key as known_record_key,
        xref.record_key as mapped_record_key
    from expected
    full join xref
        on expected.record_key = xref.record_key
    where
        expected.record_key is null
        or xref.record_key is null
)

select * from final
