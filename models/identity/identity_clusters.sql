-- Grain: one row per record of the published graph, with its cluster.
-- The candidate where the gate lets it through, else what was published before: then new records
-- wait, and those that went stay.

{{ config(materialized='view') }}

with

candidates as (
    select * from {{ ref('int_identity__candidate_clusters') }}
),

published as (
    select * from {{ ref('int_identity__published_records') }}
),

gate as (
    select count(*) as measures_over
    from {{ ref('identity_gate') }}
    where is_over
),

final as (
    select
        candidates.record_key,
        candidates.cluster_key
    from candidates
    cross join gate
    where gate.measures_over = 0

    union all

    select
        published.record_key,
        min(published.record_key) over (partition by published.customer_id) as cluster_key
    from published
    cross join gate
    where gate.measures_over > 0
)

select * from final
