-- Grain: one row per cluster that published customers would merge in or grow to, per published
-- customer that would fall apart, for the largest cluster, for what is published, and for what
-- would be.
-- Clusters and customers that are not touched are as they were when they were published: their
-- number and the largest of them are known from that build.
-- Devices nobody signed in on are records of their cluster and no customers.

with

every_touched as (
    select * from {{ ref('int_identity__touched_records') }}
),

touched as (
    select * from every_touched
    where cluster_key is not null
),

build as (
    select * from {{ ref('int_identity__build') }}
),

shared as (
    select
        cluster_key,
        customer_id,
        count(*) as number_of_records,
        sum(case when record_key like 'segment:anonymous:%' then 0 else 1 end)
            as identified_records
    from touched
    group by cluster_key, customer_id
),

candidates as (
    select
        cluster_key,
        sum(case when customer_id is not null and identified_records > 0 then 1 else 0 end)
            as number_of_customers,
        max(case when customer_id is not null then number_of_records end) as records_before,
        sum(number_of_records) as records_after,
        sum(identified_records) as identified_records
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

sums as (
    select
        sum(case when pieces > 0 then 1 else 0 end) as number_of_customers,
        max(records_before) as records_before
    from customers
),

-- Customers all of whose records are gone are among them.
touched_customers as (
    select count(distinct every_touched.customer_id) as number_of_customers
    from every_touched
    inner join build
        on build.compared_number is not null
    where every_touched.record_key not like 'segment:anonymous:%'
),

candidate_sums as (
    select
        sum(case when identified_records > 0 then 1 else 0 end) as number_of_customers,
        max(records_after) as records_after
    from candidates
),

-- The largest customer when the last graph was published, unless it is among the touched.
still_largest as (
    select
        build.largest_record_key,
        build.largest_records
    from build
    left join every_touched
        on build.largest_record_key = every_touched.record_key
    where
        build.compared_number is not null
        and every_touched.record_key is null
),

largest_touched as (
    select candidates.*
    from candidates
    inner join candidate_sums
        on candidates.records_after = candidate_sums.records_after
    qualify row_number() over (order by candidates.cluster_key asc) = 1
),

contenders as (
    select
        cluster_key,
        number_of_customers,
        records_before,
        records_after
    from largest_touched

    union all

    select
        largest_record_key as cluster_key,
        1 as number_of_customers,
        largest_records as records_before,
        largest_records as records_after
    from still_largest
),

largest as (
    select * from contenders
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
        case
            when build.compared_number is null then sums.number_of_customers
            else build.published_customers
        end as number_of_customers,
        case
            when build.compared_number is null then sums.records_before
            else build.largest_records
        end as records_before,
        null as records_after
    from build
    cross join sums

    union all

    -- Where the largest customer lost records, who is the largest now takes a look at everything.
    select
        'candidate' as change_type,
        case
            when largest.records_after >= coalesce(build.largest_records, 0)
                then largest.cluster_key
        end as cluster_key,
        null as customer_id,
        case
            when build.compared_number is null
                then coalesce(candidate_sums.number_of_customers, 0)
            else
                build.published_customers
                - touched_customers.number_of_customers
                + coalesce(candidate_sums.number_of_customers, 0)
        end as number_of_customers,
        null as records_before,
        case
            when largest.records_after >= coalesce(build.largest_records, 0)
                then largest.records_after
        end as records_after
    from build
    cross join touched_customers
    cross join candidate_sums
    left join largest
        on 1 = 1
)

select
    change_type,
    cluster_key,
    customer_id,
    cast(number_of_customers as {{ dbt.type_bigint() }}) as number_of_customers,
    cast(records_before as {{ dbt.type_bigint() }}) as records_before,
    cast(records_after as {{ dbt.type_bigint() }}) as records_after
from final
