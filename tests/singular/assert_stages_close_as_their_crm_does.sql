-- Harm: seeds/sales call a stage won that its CRM calls open: the win rate by stage and the sum of
-- what was won are two truths. The CRM's word counts for the deal.

{{ config(severity='warn', meta={'owner': 'sales_operations', 'domain': 'sales'}) }}

with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

stages as (
    select * from {{ ref('sales_stages') }}
),

final as (
    select
        opportunities.source_system,
        opportunities.source_pipeline,
        opportunities.source_stage,
        opportunities.stage,
        count(*) as number_of_opportunities
    from opportunities
    inner join stages
        on opportunities.stage = stages.stage
    where
        opportunities.is_closed <> stages.is_closed
        or opportunities.is_won <> stages.is_won
    group by
        opportunities.source_system,
        opportunities.source_pipeline,
        opportunities.source_stage,
        opportunities.stage
)

select * from final
