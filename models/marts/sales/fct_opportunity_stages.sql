-- Grain: one row per visit of an opportunity to a stage.
-- Changes of amount or close date within a stage do not end the visit; a stage entered again is
-- another visit.

with

histories as (
    select * from {{ ref('stg_salesforce__opportunity_histories') }}
    where not is_deleted
),

opportunities as (
    select * from {{ ref('stg_salesforce__opportunities') }}
),

compared as (
    select
        *,
        lag(stage_name) over (
            partition by opportunity_id
            order by created_at asc nulls last, opportunity_history_id asc
        ) as stage_before
    from histories
),

numbered as (
    select
        *,
        sum(case when stage_before is null or stage_before <> stage_name then 1 else 0 end) over (
            partition by opportunity_id
            order by created_at asc nulls last, opportunity_history_id asc
            rows between unbounded preceding and current row
        ) as visit_number
    from compared
),

visits as (
    select
        opportunity_id,
        visit_number,
        stage_name,
        min(created_at) as entered_at
    from numbered
    group by opportunity_id, visit_number, stage_name
),

bounded as (
    select
        *,
        lead(entered_at) over (partition by opportunity_id order by visit_number asc) as left_at
    from visits
),

final as (
    select
        cast(
            {{ record_key('salesforce', 'opportunity', 'bounded.opportunity_id') }}
            as {{ dbt.type_string() }}
        ) as opportunity_key,
        cast(bounded.visit_number as {{ dbt.type_bigint() }}) as visit_number,

        cast(bounded.stage_name as {{ dbt.type_string() }}) as stage_name,

        cast(
            {{ dbt.datediff('bounded.entered_at', 'bounded.left_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as seconds_in_stage,

        bounded.left_at is null as is_current,
        coalesce(opportunities.is_deleted, true) as is_deleted,

        bounded.entered_at,
        bounded.left_at
    from bounded
    left join opportunities
        on bounded.opportunity_id = opportunities.opportunity_id
)

select * from final
