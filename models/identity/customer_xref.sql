-- Grain: one row per source record, with the customer it belongs to.
-- A customer's id follows from its anchor, the record created earliest at its source (ties: the
-- lower key), so rebuilding from the same records gives the same ids, in whatever order they came.

with

clusters as (
    select * from {{ ref('int_identity__candidate_clusters') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

anchored as (
    select
        records.record_key,
        records.record_source,
        records.is_deleted,
        records.created_at,
        first_value(records.record_key) over (
            partition by clusters.cluster_key
            order by records.created_at asc nulls last, records.record_key asc
            rows between unbounded preceding and unbounded following
        ) as anchor_record_key
    from clusters
    inner join records
        on clusters.record_key = records.record_key
),

final as (
    select
        record_key,
        {{ customer_id('anchor_record_key') }} as customer_id,
        anchor_record_key,

        record_source,

        is_deleted,

        created_at
    from anchored
)

select * from final
