-- Grain: one row per record whose customer this build may change: its cluster as it would be, its
-- customer as published. Whole clusters and whole customers; all there are where the build cannot
-- go by what changed, and none where nothing is published to change.
-- A cluster that is null: the record is gone.

-- depends_on: {{ ref('int_identity__build') }}
{%- set compared = compared_number() %}

with

clusters as (
    select * from {{ ref('int_identity__candidate_clusters') }}
),

published as (
    select * from {{ ref('int_identity__published_records') }}
),

{% if compared -%}
    gone_candidates as (
        select distinct node as record_key
        from {{ gone_candidates() }} as gone_candidates
        where gone_number > {{ compared }}
    ),

    ids as (
        select * from {{ previous_customer_ids() }} as customer_ids
    ),

    changed as (
        select distinct cluster_key
        from clusters
        where written_number > {{ compared }}
    ),

    members as (
        select
            clusters.record_key,
            clusters.cluster_key
        from clusters
        inner join changed
            on clusters.cluster_key = changed.cluster_key
    ),

    -- A record may go and come back between two builds that published.
    gone as (
        select gone_candidates.record_key
        from gone_candidates
        left join members
            on gone_candidates.record_key = members.record_key
        where members.record_key is null
    ),

    reached as (
        select
            record_key,
            cluster_key
        from members

        union all

        select
            record_key,
            cast(null as {{ dbt.type_string() }}) as cluster_key
        from gone
    ),

    touched as (
        select
            reached.record_key,
            reached.cluster_key,
            published.customer_id
        from reached
        left join published
            on reached.record_key = published.record_key
    ),

    -- An id goes back to its own record when that is back: then whoever it went by meanwhile changes.
    returned as (
        select ids.customer_id
        from ids
        inner join touched
            on ids.anchor_record_key = touched.record_key
        where
            touched.customer_id is null
            and ids.change_type in ('minted', 'split')
    ),

    left_behind as (
        select published.record_key, published.customer_id
        from published
        inner join (
            select distinct coalesce(ids.other_customer_id, ids.customer_id) as customer_id
            from ids
            inner join returned
                on ids.customer_id = returned.customer_id

            union

            select customer_id from returned
        ) as customers
            on published.customer_id = customers.customer_id
        left join touched
            on published.record_key = touched.record_key
        where touched.record_key is null
    ),

    final as (
        select
            record_key,
            cluster_key,
            customer_id
        from touched
        where cluster_key is not null or customer_id is not null

        union all

        select
            left_behind.record_key,
            clusters.cluster_key,
            left_behind.customer_id
        from left_behind
        left join clusters
            on left_behind.record_key = clusters.record_key
    )
{%- elif nothing_is_published() -%}
    final as (
        select
            record_key,
            cluster_key,
            cast(null as {{ dbt.type_string() }}) as customer_id
        from clusters
        where 1 = 0
    )
{%- else -%}
    final as (
        select
            clusters.record_key,
            clusters.cluster_key,
            published.customer_id
        from clusters
        left join published
            on clusters.record_key = published.record_key

        union all

        select
            published.record_key,
            cast(null as {{ dbt.type_string() }}) as cluster_key,
            published.customer_id
        from published
        left join clusters
            on published.record_key = clusters.record_key
        where clusters.record_key is null
    )
{%- endif %}

select * from final
