-- Grain: one row: the moment this build stands for, its rules and decisions, and those of the last
-- build that went through.
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
        number_of_decisions
    from builds
    qualify row_number() over (order by build_number desc) = 1
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

        max(moments.moment) as built_at
    from moments
)

select * from final
