-- Grain: one row per visit of an opportunity to a stage, from Salesforce's history and HubSpot's
-- property history.
-- Changes of amount or close date within a stage do not end the visit; a stage entered again is
-- another visit.

with

salesforce_histories as (
    select * from {{ ref('stg_salesforce__opportunity_histories') }}
    where
        not is_deleted
        and stage_name is not null
),

salesforce_opportunities as (
    select * from {{ ref('stg_salesforce__opportunities') }}
),

hubspot_histories as (
    select * from {{ ref('stg_hubspot__property_history') }}
    where
        object_type = 'deals'
        and property_name = 'dealstage'
        and property_value is not null
),

hubspot_deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

hubspot_stages as (
    select * from {{ ref('stg_hubspot__pipeline_stages') }}
),

hubspot_pipelines as (
    select * from {{ ref('stg_hubspot__pipelines') }}
),

mapping as (
    select * from {{ ref('int_sales__stage_mapping') }}
),

histories as (
    select
        'salesforce' as source_system,
        opportunity_id,
        opportunity_history_id as change_id,
        stage_name as source_stage,
        created_at as changed_at
    from salesforce_histories

    union all

    select
        'hubspot' as source_system,
        record_id as opportunity_id,
        source_type as change_id,
        property_value as source_stage,
        changed_at
    from hubspot_histories
),

compared as (
    select
        *,
        lag(source_stage) over (
            partition by source_system, opportunity_id
            order by changed_at asc nulls last, change_id asc nulls last
        ) as source_stage_before
    from histories
),

visits as (
    select
        source_system,
        opportunity_id,
        change_id,
        source_stage,
        changed_at as entered_at
    from compared
    where
        source_stage_before is null
        or source_stage_before <> source_stage
),

-- HubSpot's history names the stage, not its pipeline: the one the deal is in now, or, where that
-- has no such stage, the one with the lowest id.
pipelines_of_stages as (
    select
        stage_id,
        pipeline_id
    from hubspot_stages
    qualify row_number() over (
        partition by stage_id
        order by length(pipeline_id) asc, pipeline_id asc
    ) = 1
),

every as (
    select
        {{ record_key('salesforce', 'opportunity', 'visits.opportunity_id') }} as opportunity_key,
        visits.source_system,
        visits.change_id,
        '*' as pipeline_id,
        null as pipeline_name,
        visits.source_stage,
        visits.source_stage as stage_name,
        case
            when visits.source_stage = salesforce_opportunities.stage_name
                then salesforce_opportunities.is_closed
        end as is_closed,
        coalesce(salesforce_opportunities.is_deleted, true) as is_deleted,
        visits.entered_at
    from visits
    left join salesforce_opportunities
        on visits.opportunity_id = salesforce_opportunities.opportunity_id
    where visits.source_system = 'salesforce'

    union all

    select
        {{ record_key('hubspot', 'deal', 'visits.opportunity_id') }} as opportunity_key,
        visits.source_system,
        visits.change_id,
        coalesce(own_stages.pipeline_id, pipelines_of_stages.pipeline_id) as pipeline_id,
        hubspot_pipelines.pipeline_name,
        visits.source_stage,
        coalesce(own_stages.stage_name, other_stages.stage_name, visits.source_stage)
            as stage_name,
        coalesce(own_stages.is_closed, other_stages.is_closed) as is_closed,
        coalesce(hubspot_deals.is_deleted, true) as is_deleted,
        visits.entered_at
    from visits
    left join hubspot_deals
        on visits.opportunity_id = hubspot_deals.deal_id
    left join hubspot_stages as own_stages
        on
            hubspot_deals.pipeline_id = own_stages.pipeline_id
            and visits.source_stage = own_stages.stage_id
    left join pipelines_of_stages
        on visits.source_stage = pipelines_of_stages.stage_id
    left join hubspot_stages as other_stages
        on
            pipelines_of_stages.pipeline_id = other_stages.pipeline_id
            and pipelines_of_stages.stage_id = other_stages.stage_id
    left join hubspot_pipelines
        on
            coalesce(own_stages.pipeline_id, pipelines_of_stages.pipeline_id)
            = hubspot_pipelines.pipeline_id
    where visits.source_system = 'hubspot'
),

mapped as (
    select
        every.*,
        coalesce(in_pipeline.stage, in_any.stage, 'unmapped') as stage,
        coalesce(in_pipeline.stage_position, in_any.stage_position) as stage_position,
        coalesce(in_pipeline.is_closed, in_any.is_closed, every.is_closed) as is_final,
        coalesce(in_pipeline.is_won, in_any.is_won) as is_won
    from every
    left join mapping as in_pipeline
        on
            every.source_system = in_pipeline.source_system
            and lower(every.pipeline_id) = in_pipeline.source_pipeline
            and lower(trim(every.source_stage)) = in_pipeline.source_stage
    left join mapping as in_any
        on
            in_any.source_pipeline = '*'
            and every.source_system = in_any.source_system
            and lower(trim(every.source_stage)) = in_any.source_stage
),

bounded as (
    select
        *,
        row_number() over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) as visit_number,
        lag(stage) over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) as stage_before,
        lag(stage_position) over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) as stage_position_before,
        lag(is_won) over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) as is_won_before,
        lead(entered_at) over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) as left_at,
        lead(stage) over (
            partition by opportunity_key
            order by entered_at asc nulls last, change_id asc nulls last
        ) is null as is_current
    from mapped
),

timed as (
    select
        *,
        {{ dbt.datediff('entered_at', 'left_at', 'second') }}
            as seconds_in_stage
    from bounded
),

final as (
    select
        cast(opportunity_key as {{ dbt.type_string() }}) as opportunity_key,
        cast(source_system as {{ dbt.type_string() }}) as source_system,
        cast(visit_number as {{ dbt.type_bigint() }}) as visit_number,

        cast(pipeline_name as {{ dbt.type_string() }}) as pipeline_name,
        cast(pipeline_id as {{ dbt.type_string() }}) as source_pipeline,
        cast(source_stage as {{ dbt.type_string() }}) as source_stage,
        cast(stage_name as {{ dbt.type_string() }}) as stage_name,
        cast(stage as {{ dbt.type_string() }}) as stage,
        cast(stage_before as {{ dbt.type_string() }}) as stage_before,
        cast(
            case
                when visit_number = 1 then 'first'
                when stage = 'unmapped' or stage_before = 'unmapped' then null
                when is_final and not is_won then 'lost'
                -- A lost deal that is won after all, though the list has lost after won.
                when is_won and not is_won_before then 'forward'
                when stage_position > stage_position_before then 'forward'
                when stage_position < stage_position_before then 'backward'
                else 'same'
            end as {{ dbt.type_string() }}
        ) as direction,

        cast(stage_position as {{ dbt.type_bigint() }}) as stage_position,
        cast(seconds_in_stage as {{ dbt.type_bigint() }}) as seconds_in_stage,
        cast({{ days_of_seconds('seconds_in_stage') }} as decimal(18, 2)) as days_in_stage,

        is_final as is_closed,
        is_won,
        is_current,
        is_deleted,

        cast(entered_at as date) as entered_on,
        entered_at,
        left_at
    from timed
)

select * from final
