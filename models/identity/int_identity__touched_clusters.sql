-- Grain: one row per record whose customer this build may change, with the cluster that it is in
-- once the gate has spoken, and the customer it is published with.
-- Held back, a record keeps its customer's; one that nobody has seen yet has none.

{{ config(materialized='view') }}

with

touched as (
    select * from {{ ref('int_identity__touched_records') }}
),

gate as (
    select count(*) as measures_over
    from {{ ref('identity_gate') }}
    where is_over
),

final as (
    select
        touched.record_key,
        touched.cluster_key,
        touched.customer_id
    from touched
    cross join gate
    where gate.measures_over = 0

    union all

    select
        touched.record_key,
        case
            when touched.customer_id is not null
                then min(touched.record_key) over (partition by touched.customer_id)
        end as cluster_key,
        touched.customer_id
    from touched
    cross join gate
    where gate.measures_over > 0
)

select * from final
