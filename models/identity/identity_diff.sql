-- Grain: one row per change that the new graph would make: customers merged, grown or split, the
-- largest cluster, a value newly over its limit.
-- The gate's test is on this table and nothing is built on it: a red gate stops no mart.

with

graph_changes as (
    select * from {{ ref('int_identity__graph_changes') }}
    where change_type not in ('published', 'candidate')
),

gate as (
    select
        measure,
        is_over,
        greatest(most, coalesce(approved_most, 0)) as most
    from {{ ref('identity_gate') }}
),

touched as (
    select * from {{ ref('int_identity__touched_records') }}
),

links as (
    select * from {{ ref('int_identity__decided_links') }}
),

over_limits as (
    select * from {{ ref('int_identity__new_over_limits') }}
),

changed_clusters as (
    select distinct cluster_key
    from graph_changes
    where change_type in ('merged', 'grown')
),

changed_records as (
    select
        touched.record_key,
        touched.cluster_key,
        touched.customer_id
    from touched
    inner join changed_clusters
        on touched.cluster_key = changed_clusters.cluster_key
),

carriers as (
    select
        link_rule,
        evidence,
        rule_priority,
        record_key_a as record_key
    from links

    union all

    select
        link_rule,
        evidence,
        rule_priority,
        record_key_b as record_key
    from links
),

-- What brings the cluster together: the value that most of those who were apart share.
ties as (
    select
        changed_records.cluster_key,
        carriers.link_rule,
        carriers.evidence,
        count(distinct carriers.record_key) as number_of_records,
        count(distinct changed_records.customer_id) as number_of_customers,
        max(case when changed_records.customer_id is null then 1 else 0 end) as newcomers,
        min(carriers.rule_priority) as rule_priority
    from changed_records
    inner join carriers
        on changed_records.record_key = carriers.record_key
    group by changed_records.cluster_key, carriers.link_rule, carriers.evidence
),

strongest as (
    select * from ties
    where number_of_customers + newcomers > 1
    qualify row_number() over (
        partition by cluster_key
        order by
            number_of_customers desc,
            number_of_records desc,
            rule_priority asc,
            link_rule asc,
            evidence asc nulls last
    ) = 1
),

measured as (
    select
        max(case when measure = 'merged_customers' and is_over then 1 else 0 end) = 1
            as merges_are_over,
        max(case when measure = 'split_customers' and is_over then 1 else 0 end) = 1
            as splits_are_over,
        max(case when measure = 'largest_cluster' and is_over then 1 else 0 end) = 1
            as largest_is_over,
        max(case when measure = 'over_limit_identifiers' and is_over then 1 else 0 end) = 1
            as over_limits_are_over,
        max(case when measure = 'customers_in_one' then most end) as customers_in_one,
        max(case when measure = 'records_gained' then most end) as records_gained
    from gate
),

-- Nothing published: nothing is over, though all is new.
published_before as (
    select records_before is not null as is_published
    from {{ ref('int_identity__graph_changes') }}
    where change_type = 'published'
),

changes as (
    select
        graph_changes.change_type,
        graph_changes.customer_id,
        graph_changes.cluster_key,
        graph_changes.number_of_customers,
        graph_changes.records_before,
        graph_changes.records_after,
        strongest.link_rule as identifier_type,
        strongest.evidence as identifier_value,
        strongest.number_of_records,
        cast(null as {{ dbt.type_string() }}) as why,
        case graph_changes.change_type
            when 'split' then measured.splits_are_over
            when 'largest' then measured.largest_is_over
            else
                (graph_changes.change_type = 'merged' and measured.merges_are_over)
                or (
                    graph_changes.change_type = 'merged'
                    and graph_changes.number_of_customers > measured.customers_in_one
                )
                or graph_changes.records_after - graph_changes.records_before
                > measured.records_gained
        end as is_over
    from graph_changes
    cross join measured
    left join strongest
        on graph_changes.cluster_key = strongest.cluster_key

    union all

    select
        'over_limit' as change_type,
        null as customer_id,
        null as cluster_key,
        null as number_of_customers,
        null as records_before,
        null as records_after,
        over_limits.identifier_type,
        over_limits.identifier_value,
        over_limits.number_of_records,
        over_limits.why,
        measured.over_limits_are_over as is_over
    from over_limits
    cross join measured
),

final as (
    select
        changes.change_type,
        changes.customer_id,
        changes.cluster_key,

        changes.number_of_customers,
        changes.records_before,
        changes.records_after,

        changes.identifier_type,
        changes.identifier_value,
        changes.number_of_records,
        changes.why,

        changes.is_over and published_before.is_published as is_over
    from changes
    cross join published_before
    where published_before.is_published
)

select * from final
