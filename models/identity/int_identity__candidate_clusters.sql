-- Grain: one row per record, with the cluster that this run's links put it in.
-- A cluster is named by its lowest record key; the name says nothing about the customer's id.

{{ config(
    materialized='connected_components',
    meta={
        'node_column': 'record_key',
        'component_column': 'cluster_key',
        'numbered': true,
        'changes': 'changed_link_ends',
        'noted': {'identity_builds': 'candidate_number'},
    }
) }}

-- depends_on: {{ ref('int_identity__links') }}
-- depends_on: {{ ref('int_identity__decisions') }}

with

records as (
    select * from {{ ref('int_identity__records') }}
),

links as (
    select * from {{ ref('int_identity__decided_links') }}
),

final as (
    select
        record_key_a as node_a,
        record_key_b as node_b,
        number_a,
        number_b
    from links

    union all

    select
        record_key as node_a,
        cast(null as {{ dbt.type_string() }}) as node_b,
        record_number as number_a,
        null as number_b
    from records
)

select * from final
