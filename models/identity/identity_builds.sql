-- Grain: one row per build that went through and differs from the one before in its moment, rules
-- or decisions.
-- A book: a full refresh keeps it.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

-- Written last: a build that failed on the way is not one to compare with.
-- depends_on: {{ ref('customer_xref') }}

with

build as (
    select * from {{ ref('int_identity__build') }}
),

builds as (
    select * from {{ previous_identity_builds() }} as identity_builds
),

last_build as (
    select * from builds
    qualify row_number() over (order by build_number desc) = 1
),

final as (
    select
        cast(coalesce(last_build.build_number, 0) + 1 as {{ dbt.type_bigint() }}) as build_number,
        build.built_at,
        build.rules_version,
        build.number_of_decisions
    from build
    left join last_build
        on 1 = 1
    where
        last_build.build_number is null
        or last_build.built_at is distinct from build.built_at
        or last_build.rules_version is distinct from build.rules_version
        or last_build.number_of_decisions is distinct from build.number_of_decisions
)

select * from final
