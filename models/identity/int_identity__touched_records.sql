-- Grain: one row per record whose customer this build may change, as int_identity__changed_records
-- has them; of the first graph it is every record, and they are not written down a second time.

{{ config(materialized='view') }}

-- depends_on: {{ ref('int_identity__build') }}
-- depends_on: {{ ref('int_identity__candidate_clusters') }}
-- depends_on: {{ ref('int_identity__changed_records') }}

with

{% if nothing_is_published() -%}
    clusters as (
        select * from {{ ref('int_identity__candidate_clusters') }}
    ),

    final as (
        select
            record_key,
            cluster_key,
            cast(null as {{ dbt.type_string() }}) as customer_id
        from clusters
    )
{%- else -%}
    changed_records as (
        select * from {{ ref('int_identity__changed_records') }}
    ),

    final as (
        select
            record_key,
            cluster_key,
            customer_id
        from changed_records
    )
{%- endif %}

select * from final
