-- Grain: one row per record of a cluster that was written since the graph that is published; with a
-- null cluster, one that went since then. None where the build cannot go by what changed.
-- A table: a warehouse that knows how few they are looks them up in large ones, not the other way.

-- depends_on: {{ ref('int_identity__build') }}
{%- set compared = compared_number() %}

with

{% if compared -%}
    -- Each table is read where it is needed, and by what is needed of it: one common table
    -- expression for all would be a copy of the table.
    gone_candidates as (
        select distinct node as record_key
        from {{ gone_candidates() }} as gone_candidates
        where gone_number > {{ compared }}
    ),

    members as (
        select
            record_key,
            cluster_key
        from {{ ref('int_identity__candidate_clusters') }}
        where
            component_number in (
                select clusters.component_number
                from {{ ref('int_identity__candidate_clusters') }} as clusters
                where clusters.written_number > {{ compared }}
            )
    ),

    -- A record may go and come back between two builds that published.
    gone as (
        select gone_candidates.record_key
        from gone_candidates
        left join members
            on gone_candidates.record_key = members.record_key
        where members.record_key is null
    ),

    final as (
        select
            record_key,
            cluster_key
        from members

        union all

        select
            record_key,
            cast(null as {{ dbt.type_string() }}) as cluster_key
        from gone
    )
{%- else -%}
    final as (
        select
            record_key,
            cluster_key
        from {{ ref('int_identity__candidate_clusters') }}
        where 1 = 0
    )
{%- endif %}

select * from final
