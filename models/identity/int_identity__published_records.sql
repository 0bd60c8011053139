-- Grain: one row per record of the graph that is published when the build begins, with its
-- customer.
-- By numbers of writes, not by what is open: it says the same after this build has written.

{{ config(materialized='view') }}

with

build as (
    select * from {{ ref('int_identity__build') }}
),

written as (
    select * from {{ previous_customer_xref() }} as customer_xref
),

published as (
    select
        written.record_key,
        written.customer_id
    from written
    inner join build
        on
            written.change_number <= build.last_graph_number
            and coalesce(written.closed_number, build.last_graph_number + 1)
            > build.last_graph_number
),

-- Only where an approval was taken back.
restored as (
    select
        written.record_key,
        written.customer_id
    from written
    inner join build
        on
            written.change_number <= build.restored_number
            and coalesce(written.closed_number, build.restored_number + 1) > build.restored_number
    inner join published
        on written.record_key = published.record_key
),

-- Whoever came since goes with the one customer it was tied to, if that is still one.
since as (
    select
        published.customer_id,
        count(distinct restored.customer_id) as customers,
        min(restored.customer_id) as customer_id_before
    from published
    cross join build
    left join restored
        on published.record_key = restored.record_key
    where build.restored_number is not null
    group by published.customer_id
),

final as (
    select
        published.record_key,
        published.customer_id
    from published
    cross join build
    where build.restored_number is null

    union all

    select
        record_key,
        customer_id
    from restored

    union all

    select
        published.record_key,
        case since.customers
            when 0 then published.customer_id
            when 1 then since.customer_id_before
            else published.record_key
        end as customer_id
    from published
    inner join since
        on published.customer_id = since.customer_id
    left join restored
        on published.record_key = restored.record_key
    where restored.record_key is null
)

select * from final
