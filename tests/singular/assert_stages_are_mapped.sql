-- Harm: a stage that somebody added in a CRM is in no funnel and no forecast by stage, and nobody
-- notices. What it lists is to be added to seeds/sales/stage_mapping.csv; HubSpot's stages are
-- written by their ids, which it gives beside the names.

{{ config(severity='warn', meta={'owner': 'sales_operations', 'domain': 'sales'}) }}

with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

changes as (
    select * from {{ ref('fct_opportunity_stage_changes') }}
),

stages as (
    select
        source_system,
        source_pipeline,
        source_stage,
        stage_name
    from opportunities
    where
        stage = 'unmapped'
        and source_stage is not null

    union all

    select
        source_system,
        source_pipeline,
        source_stage,
        stage_name
    from changes
    where stage = 'unmapped'
),

final as (
    select
        source_system,
        source_pipeline,
        source_stage,
        stage_name,
        count(*) as number_of_rows
    from stages
    group by source_system, source_pipeline, source_stage, stage_name
)

select * from final
