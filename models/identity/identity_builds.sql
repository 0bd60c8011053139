-- Grain: one row per build whose graph was published, and that differs from the one before in its
-- moment, rules, decisions or graph.
-- A book: a full refresh keeps it. A build that the gate stopped is none of them.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

with

build as (
    select * from {{ ref('int_identity__build') }}
),

gate as (
    select
        sum(case when is_over then 1 else 0 end) as measures_over,
        max(approval_id) as approval_id
    from {{ ref('identity_gate') }}
),

-- Written last: a build that failed on the way is not one to compare with.
xref as (
    select
        coalesce(greatest(
            max(change_number),
            coalesce(max(closed_number), 0)
        ), 0) as graph_number
    from {{ ref('customer_xref') }}
),

ids as (
    select max(change_number) as ledger_number
    from {{ ref('customer_ids') }}
),

candidate as (
    select * from {{ ref('int_identity__graph_changes') }}
    where change_type = 'candidate'
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
        build.number_of_decisions,
        cast(xref.graph_number as {{ dbt.type_bigint() }}) as graph_number,
        case when gate.measures_over = 0 then gate.approval_id end as approval_id,
        build.restored_number,

        -- What the next build may take for granted. A graph that was gone back to is not this
        -- run's candidate.
        case
            when build.restored_number is null and candidate.records_after is not null
                then build.candidate_number
        end as candidate_number,
        cast(ids.ledger_number as {{ dbt.type_bigint() }}) as ledger_number,
        candidate.number_of_customers,
        candidate.cluster_key as largest_record_key,
        candidate.records_after as largest_records
    from build
    cross join gate
    cross join xref
    cross join ids
    cross join candidate
    left join last_build
        on 1 = 1
    where
        (gate.measures_over = 0 or build.restored_number is not null)
        and (
            last_build.build_number is null
            or last_build.built_at is distinct from build.built_at
            or last_build.rules_version is distinct from build.rules_version
            or last_build.number_of_decisions is distinct from build.number_of_decisions
            or last_build.graph_number is distinct from xref.graph_number
            or last_build.ledger_number is distinct from ids.ledger_number
        )
)

select * from final
