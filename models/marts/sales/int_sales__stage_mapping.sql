-- Grain: one row per system, pipeline (or * for any) and stage of a CRM: which of ours it is.
-- Texts are compared in lower case; a stage that sales_stages does not know maps nothing.

{{ config(materialized='view', contract={'enforced': false}) }}

with

mapping as (
    select * from {{ ref('stage_mapping') }}
),

stages as (
    select * from {{ ref('sales_stages') }}
),

final as (
    select
        lower(trim(mapping.source_system)) as source_system,
        lower(trim(mapping.source_pipeline)) as source_pipeline,
        lower(trim(mapping.source_stage)) as source_stage,

        stages.stage,

        stages.stage_position,
        stages.probability,

        stages.is_closed,
        coalesce(stages.is_won, false) as is_won
    from mapping
    inner join stages
        on trim(mapping.stage) = stages.stage
)

select * from final
