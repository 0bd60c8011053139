-- Grain: one row: the moment this build stands for, its rules and decisions, those of the last
-- build that went through, and the state of customer_xref that is the published graph.
-- Also whether the graph is compared by what changed: that takes a xref and a ledger as the last
-- build left them, and a candidate whose changes since then are all known.
-- No clock: the moment is the var identity_moment, else that of the newest extraction or decision.

with

runs as (
    select * from {{ source('ops', 'extract_runs') }}
    where status = 'succeeded'
),

decisions as (
    select * from {{ source('ops', 'identity_decisions') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

rules as (
    select * from {{ ref('identity_rules') }}
),

builds as (
    select * from {{ previous_identity_builds() }} as identity_builds
),

written as (
    select * from {{ previous_customer_xref() }} as customer_xref
),

ids as (
    select * from {{ previous_customer_ids() }} as customer_ids
),

candidate as (
    select * from {{ candidate_numbers() }} as candidate
),

last_ledger as (
    select max(change_number) as ledger_number from ids
),

-- A write to the xref has a number; the published graph is what it held after one of them.
last_write as (
    select
        coalesce(greatest(
            max(change_number),
            coalesce(max(closed_number), 0)
        ), 0) as graph_number
    from written
),

numbered_builds as (
    select
        build_number,
        approval_id,
        restored_number,
        lag(graph_number) over (order by build_number asc) as number_before
    from builds
),

-- A graph that was let through, and is not wanted after all: back to the one before it.
taken_back as (
    select
        coalesce(numbered_builds.number_before, 0) as restored_number,
        decisions.decision_id as restoring_decision_id
    from numbered_builds
    inner join decisions
        on
            numbered_builds.approval_id = decisions.undoes
            and decisions.kind = 'undo'
    left join numbered_builds as later_builds
        on
            numbered_builds.build_number < later_builds.build_number
            and coalesce(numbered_builds.number_before, 0) >= later_builds.restored_number
    where later_builds.build_number is null
    qualify row_number() over (
        order by numbered_builds.build_number asc, decisions.decision_id asc
    ) = 1
),

moments as (
    {% if var('identity_moment') -%}
        select cast('{{ var("identity_moment") }}' as {{ dbt.type_timestamp() }}) as moment
    {%- else -%}
        select max(finished_at) as moment from runs

        union all

        select max(decided_at) as moment from decisions

        union all

        -- Raw tables that something else than `braid extract` fills.
        select max(updated_at) as moment from records
        where not exists (select 1 from runs)
    {%- endif %}

    union all

    -- Time does not run backwards, and a build of nothing has one too.
    select coalesce(max(built_at), cast('1970-01-01' as {{ dbt.type_timestamp() }})) as moment
    from builds
),

last_build as (
    select
        rules_version,
        number_of_decisions,
        graph_number,
        candidate_number,
        ledger_number,
        number_of_customers,
        largest_record_key,
        largest_records
    from builds
    qualify row_number() over (order by build_number desc) = 1
),

compared as (
    select last_build.*
    from last_build
    cross join last_write
    cross join last_ledger
    cross join candidate
    left join taken_back
        on 1 = 1
    where
        taken_back.restored_number is null
        and last_build.graph_number = last_write.graph_number
        and last_build.ledger_number = last_ledger.ledger_number
        and last_build.candidate_number between candidate.first_number and candidate.last_number
),

final as (
    select
        (select max(rules.rules_version) from rules) as rules_version,
        (select max(last_build.rules_version) from last_build) as previous_rules_version,

        cast((select count(*) from decisions) as {{ dbt.type_bigint() }}) as number_of_decisions,
        cast(
            coalesce((select max(last_build.number_of_decisions) from last_build), 0)
            as {{ dbt.type_bigint() }}
        ) as previous_number_of_decisions,

        cast((select max(last_write.graph_number) from last_write) as {{ dbt.type_bigint() }})
            as last_graph_number,
        cast(
            coalesce((select max(last_ledger.ledger_number) from last_ledger), 0)
            as {{ dbt.type_bigint() }}
        ) as last_ledger_number,
        cast((select max(taken_back.restored_number) from taken_back) as {{ dbt.type_bigint() }})
            as restored_number,
        (select max(taken_back.restoring_decision_id) from taken_back) as restoring_decision_id,

        (select max(candidate.last_number) from candidate) as candidate_number,
        (select max(compared.candidate_number) from compared) as compared_number,
        (select max(compared.number_of_customers) from compared) as published_customers,
        (select max(compared.largest_record_key) from compared) as largest_record_key,
        (select max(compared.largest_records) from compared) as largest_records,

        max(moments.moment) as built_at
    from moments
)

select * from final
