-- Grain: one row per value that was over a limit in a graph that was published, as a hash.
-- What the gate takes for known. A book: a full refresh keeps it.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

-- Written when the graph is.
-- depends_on: {{ ref('identity_clusters') }}

with

over_limits as (
    select * from {{ ref('int_identity__new_over_limits') }}
),

gate as (
    select count(*) as measures_over
    from {{ ref('identity_gate') }}
    where is_over
),

build as (
    select * from {{ ref('int_identity__build') }}
),

final as (
    select
        over_limits.identifier_type,
        over_limits.value_hash,
        build.built_at as first_published_at
    from over_limits
    cross join gate
    cross join build
    where gate.measures_over = 0
)

select * from final
