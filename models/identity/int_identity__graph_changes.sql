-- Grain: one row per cluster that published customers would merge in or grow to, per published
-- customer that would fall apart, for the largest cluster, and for what is published.
-- Devices nobody signed in on are records of their cluster and no customers.

with

clusters as (
    select * from {{ ref('int_identity__candidate_clusters') }}
),

published as (
    select * from {{ ref('int_identity__published_records') }}
),

shared as (
    select
        clusters.cluster_key,
        published.customer_id,
        count(*) as number_of_records,
        sum(
            case
                when published.customer_id is null then 0
                when clusters.record_key like 'segment:anonymous:%' then 0
                else 1
            end
        ) as identified_records
    from clusters
    left join published
        on clusters.record_key = published.record_key
    group by clusters.cluster_key, published.customer_id
),

candidates as (
    select
        cluster_key,
        sum(case when identified_records > 0 then 1 else 0 end) as number_of_customers,
        max(case when customer_id is not null then number_of_records end) as records_before,
        sum(number_of_records) as records_after
    from shared
    group by cluster_key
),

changed as (
    select * from candidates
    where records_before < records_after
),

named as (
    select
        shared.cluster_key,
        shared.customer_id
    from shared
    inner join changed
        on shared.cluster_key = changed.cluster_key
    where shared.customer_id is not null
    qualify row_number() over (
        partition by shared.cluster_key
        order by
            case when shared.identified_records > 0 then 0 else 1 end asc,
            shared.number_of_records desc,
            shared.customer_id asc
    ) = 1
),

customers as (
    select
        customer_id,
        sum(case when identified_records > 0 then 1 else 0 end) as pieces,
        sum(number_of_records) as records_before,
        max(number_of_records) as records_after
    from shared
    where customer_id is not null
    group by customer_id
),

largest as (
    select * from candidates
    qualify row_number() over (order by records_after desc, cluster_key asc) = 1
),

final as (
    select
        case when changed.number_of_customers > 1 then 'merged' else 'grown' end as change_type,
        changed.cluster_key,
        named.customer_id,
        changed.number_of_customers,
        changed.records_before,
        changed.records_after
    from changed
    inner join named
        on changed.cluster_key = named.cluster_key

    union all

    select
        'split' as change_type,
        null as cluster_key,
        customer_id,
        pieces as number_of_customers,
        records_before,
        records_after
    from customers
    where pieces > 1

    union all

    select
        'largest' as change_type,
        cluster_key,
        null as customer_id,
        number_of_customers,
        records_before,
        records_after
    from largest

    union all

    select
        'published' as change_type,
        null as cluster_key,
        null as customer_id,
        sum(case when pieces > 0 then 1 else 0 end) as number_of_customers,
        max(records_before) as records_before,
        null as records_after
    from customers
)

select
    change_type,
    cluster_key,
    customer_id,
    cast(number_of_customers as {{ dbt.type_bigint() }}) as number_of_customers,
    cast(records_before as {{ dbt.type_bigint() }}) as records_before,
    cast(records_after as {{ dbt.type_bigint() }}) as records_after
from final
