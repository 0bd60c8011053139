-- Grain: one row per record whose customer this build may change: its cluster as it would be, its
-- customer as published. Whole clusters and whole customers; all there are where the build cannot
-- go by what changed, and none where nothing is published to change.
-- A cluster that is null: the record is gone. Where the build goes by what changed, the row of the
-- xref that publishes it is told as well, so that nobody need look for it a second time.

-- depends_on: {{ ref('int_identity__build') }}
-- depends_on: {{ ref('int_identity__published_records') }}
-- depends_on: {{ ref('int_identity__reached_records') }}
{%- set compared = compared_number() %}

with

{% if compared -%}
    reached as (
        select * from {{ ref('int_identity__reached_records') }}
    ),

    -- What is open is what is published: nothing was written since, and nothing is gone back to.
    published as (
        select
            customer_xref.record_key,
            customer_xref.customer_id,
            customer_xref.valid_from,
            customer_xref.change_number
        from {{ previous_customer_xref() }} as customer_xref
        where
            customer_xref.valid_to is null
            and customer_xref.record_key in (select reached.record_key from reached)
    ),

    touched as (
        select
            reached.record_key,
            reached.cluster_key,
            published.customer_id,
            published.valid_from,
            published.change_number
        from reached
        left join published
            on reached.record_key = published.record_key
    ),

    newcomers as (
        select record_key from touched
        where customer_id is null
    ),

    -- An id goes back to its own record when that is back: then whoever it went by meanwhile changes.
    returned as (
        select displaced_ids.customer_id
        from ({{ displaced_ids(previous_customer_ids()) }}) as displaced_ids
        where displaced_ids.anchor_record_key in (select newcomers.record_key from newcomers)
    ),

    stand_ins as (
        select distinct coalesce(customer_ids.other_customer_id, customer_ids.customer_id)
            as customer_id
        from {{ previous_customer_ids() }} as customer_ids
        inner join returned
            on customer_ids.customer_id = returned.customer_id
    ),

    left_behind as (
        select
            customer_xref.record_key,
            customer_xref.customer_id,
            customer_xref.valid_from,
            customer_xref.change_number
        from {{ previous_customer_xref() }} as customer_xref
        inner join stand_ins
            on customer_xref.customer_id = stand_ins.customer_id
        left join touched
            on customer_xref.record_key = touched.record_key
        where
            customer_xref.valid_to is null
            and touched.record_key is null
    ),

    their_clusters as (
        select
            clusters.record_key,
            clusters.cluster_key
        from {{ ref('int_identity__candidate_clusters') }} as clusters
        inner join left_behind
            on clusters.record_key = left_behind.record_key
    ),

    final as (
        select
            record_key,
            cluster_key,
            customer_id,
            valid_from,
            change_number
        from touched
        where cluster_key is not null or customer_id is not null

        union all

        select
            left_behind.record_key,
            their_clusters.cluster_key,
            left_behind.customer_id,
            left_behind.valid_from,
            left_behind.change_number
        from left_behind
        left join their_clusters
            on left_behind.record_key = their_clusters.record_key
    )
{%- elif nothing_is_published() -%}
    clusters as (
        select * from {{ ref('int_identity__candidate_clusters') }}
    ),

    final as (
        select
            record_key,
            cluster_key,
            cast(null as {{ dbt.type_string() }}) as customer_id,
            cast(null as {{ dbt.type_timestamp() }}) as valid_from,
            cast(null as {{ dbt.type_bigint() }}) as change_number
        from clusters
        where 1 = 0
    )
{%- else -%}
    clusters as (
        select * from {{ ref('int_identity__candidate_clusters') }}
    ),

    published as (
        select * from {{ ref('int_identity__published_records') }}
    ),

    final as (
        select
            clusters.record_key,
            clusters.cluster_key,
            published.customer_id,
            cast(null as {{ dbt.type_timestamp() }}) as valid_from,
            cast(null as {{ dbt.type_bigint() }}) as change_number
        from clusters
        left join published
            on clusters.record_key = published.record_key

        union all

        select
            published.record_key,
            cast(null as {{ dbt.type_string() }}) as cluster_key,
            published.customer_id,
            cast(null as {{ dbt.type_timestamp() }}) as valid_from,
            cast(null as {{ dbt.type_bigint() }}) as change_number
        from published
        left join clusters
            on published.record_key = clusters.record_key
        where clusters.record_key is null
    )
{%- endif %}

select * from final
