-- Grain: one row per Salesforce opportunity or HubSpot deal, deleted ones too.
-- The customer is the primary contact; of a deal the associated contact with the lowest id. Without
-- one it is the lead the opportunity came from, and where there is none customer_id is null and the
-- row stays. Amounts are converted at the rate of the close date, expected or actual.

with

opportunities as (
    select * from {{ ref('stg_salesforce__opportunities') }}
),

leads as (
    select * from {{ ref('stg_salesforce__leads') }}
    where converted_opportunity_id is not null
),

deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

pipelines as (
    select * from {{ ref('stg_hubspot__pipelines') }}
),

pipeline_stages as (
    select * from {{ ref('stg_hubspot__pipeline_stages') }}
),

associations as (
    select * from {{ ref('stg_hubspot__associations') }}
    where
        not is_deleted
        and from_object_type = 'deals'
),

stages as (
    select * from {{ ref('fct_opportunity_stage_changes') }}
),

mapping as (
    select * from {{ ref('int_sales__stage_mapping') }}
),

rates as (
    select * from {{ ref('int_finance__currency_rates') }}
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

-- Ids are numbers written as text: the shorter one is the lower.
deal_contacts as (
    select
        from_id as deal_id,
        to_id as contact_id
    from associations
    where to_object_type = 'contacts'
    qualify row_number() over (
        partition by from_id
        order by length(to_id) asc, to_id asc
    ) = 1
),

-- 5 is HubSpot's number of a deal's primary company.
deal_companies as (
    select
        from_id as deal_id,
        to_id as company_id
    from associations
    where to_object_type = 'companies'
    qualify row_number() over (
        partition by from_id
        order by
            case when association_type_id = 5 then 0 else 1 end asc,
            length(to_id) asc,
            to_id asc
    ) = 1
),

converted as (
    select
        converted_opportunity_id as opportunity_id,
        min(record_key) as record_key
    from leads
    group by converted_opportunity_id
),

stage_sums as (
    select
        opportunity_key,
        count(*) as number_of_stages,
        sum(seconds_in_stage) as seconds_in_past_stages,
        max(case when is_current then entered_at end) as stage_entered_at
    from stages
    group by opportunity_key
),

longest_stages as (
    select
        opportunity_key,
        stage_name,
        sum(seconds_in_stage) as seconds_in_stage
    from stages
    where seconds_in_stage is not null
    group by opportunity_key, stage_name
    qualify row_number() over (
        partition by opportunity_key
        order by sum(seconds_in_stage) desc nulls last, stage_name asc
    ) = 1
),

every as (
    select
        {{ record_key('salesforce', 'opportunity', 'opportunities.opportunity_id') }}
            as opportunity_key,
        'salesforce' as source_system,
        opportunities.opportunity_id,
        coalesce(
            {{ record_key('salesforce', 'contact', 'opportunities.contact_id') }},
            converted.record_key
        ) as customer_record_key,
        {{ record_key('salesforce', 'account', 'opportunities.account_id') }} as account_key,
        opportunities.campaign_id,
        opportunities.owner_id,
        {{ record_key('salesforce', 'user', 'opportunities.owner_id') }} as owner_key,
        opportunities.opportunity_name,
        opportunities.opportunity_type,
        '*' as pipeline_id,
        null as pipeline_name,
        opportunities.stage_name as source_stage,
        opportunities.stage_name,
        opportunities.lead_source,
        '{{ var("salesforce_currency") | upper }}' as currency,
        opportunities.amount,
        cast(opportunities.probability_percent * 0.01 as decimal(5, 4)) as probability,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.is_deleted,
        opportunities.close_on,
        opportunities.created_at,
        opportunities.updated_at
    from opportunities
    left join converted
        on opportunities.opportunity_id = converted.opportunity_id

    union all

    select
        {{ record_key('hubspot', 'deal', 'deals.deal_id') }} as opportunity_key,
        'hubspot' as source_system,
        deals.deal_id as opportunity_id,
        {{ record_key('hubspot', 'contact', 'deal_contacts.contact_id') }} as customer_record_key,
        {{ record_key('hubspot', 'company', 'deal_companies.company_id') }} as account_key,
        null as campaign_id,
        deals.owner_id,
        {{ record_key('hubspot', 'owner', 'deals.owner_id') }} as owner_key,
        deals.deal_name as opportunity_name,
        deals.deal_type as opportunity_type,
        deals.pipeline_id,
        pipelines.pipeline_name,
        deals.stage_id as source_stage,
        coalesce(pipeline_stages.stage_name, deals.stage_id) as stage_name,
        null as lead_source,
        coalesce(upper(deals.currency), '{{ var("hubspot_currency") | upper }}') as currency,
        deals.amount,
        cast(
            coalesce(deals.probability, pipeline_stages.probability) as decimal(5, 4)
        ) as probability,
        coalesce(deals.is_closed, pipeline_stages.is_closed) as is_closed,
        coalesce(
            deals.is_won,
            pipeline_stages.is_closed and pipeline_stages.probability = 1
        ) as is_won,
        deals.is_deleted,
        cast(deals.closed_at as date) as close_on,
        deals.created_at,
        deals.updated_at
    from deals
    left join deal_contacts
        on deals.deal_id = deal_contacts.deal_id
    left join deal_companies
        on deals.deal_id = deal_companies.deal_id
    left join pipelines
        on deals.pipeline_id = pipelines.pipeline_id
    left join pipeline_stages
        on
            deals.pipeline_id = pipeline_stages.pipeline_id
            and deals.stage_id = pipeline_stages.stage_id
),

-- What the CRM itself says of a deal goes before what the mapping says of its stage.
mapped as (
    select
        every.opportunity_key,
        coalesce(in_pipeline.stage, in_any.stage, 'unmapped') as stage,
        coalesce(in_pipeline.stage_position, in_any.stage_position) as stage_position,
        coalesce(every.probability, in_pipeline.probability, in_any.probability) as probability,
        coalesce(every.is_closed, in_pipeline.is_closed, in_any.is_closed, false) as is_closed,
        coalesce(every.is_won, in_pipeline.is_won, in_any.is_won, false) as is_won
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

closed as (
    select
        every.opportunity_key,
        case
            when mapped.is_closed
                then coalesce(cast(stage_sums.stage_entered_at as date), every.close_on)
        end as closed_on,
        case
            when mapped.is_closed
                then {{ dbt.datediff(
                    'every.created_at', 'stage_sums.stage_entered_at', 'second'
                ) }}
        end as seconds_to_close,
        case
            when mapped.is_closed
                then {{ dbt.datediff('every.created_at', 'every.close_on', 'day') }}
        end as days_to_close_on
    from every
    inner join mapped
        on every.opportunity_key = mapped.opportunity_key
    left join stage_sums
        on every.opportunity_key = stage_sums.opportunity_key
),

final as (
    select
        cast(every.opportunity_key as {{ dbt.type_string() }}) as opportunity_key,
        cast(every.source_system as {{ dbt.type_string() }}) as source_system,
        cast(every.opportunity_id as {{ dbt.type_string() }}) as opportunity_id,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(every.account_key as {{ dbt.type_string() }}) as account_key,
        cast(every.campaign_id as {{ dbt.type_string() }}) as campaign_id,
        cast(
            {{ record_key('salesforce', 'campaign', 'every.campaign_id') }}
            as {{ dbt.type_string() }}
        ) as campaign_key,
        cast(every.owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(every.owner_key as {{ dbt.type_string() }}) as owner_key,

        cast(every.opportunity_name as {{ dbt.type_string() }}) as opportunity_name,
        cast(every.opportunity_type as {{ dbt.type_string() }}) as opportunity_type,
        cast(every.pipeline_name as {{ dbt.type_string() }}) as pipeline_name,
        cast(every.stage_name as {{ dbt.type_string() }}) as stage_name,
        cast(mapped.stage as {{ dbt.type_string() }}) as stage,
        cast(longest_stages.stage_name as {{ dbt.type_string() }}) as longest_stage_name,
        cast(every.lead_source as {{ dbt.type_string() }}) as lead_source,
        cast(every.currency as {{ dbt.type_string() }}) as currency,

        cast(mapped.stage_position as {{ dbt.type_bigint() }}) as stage_position,
        cast(every.amount as decimal(18, 2)) as amount,
        cast({{ reporting_amount('every.amount', 'every.currency', 'rates.rate') }} as decimal(18, 2))
            as reporting_amount,
        cast(mapped.probability as decimal(5, 4)) as probability,
        cast(every.amount * mapped.probability as decimal(18, 2)) as expected_amount,
        cast(
            {{ reporting_amount('every.amount', 'every.currency', 'rates.rate') }}
            * mapped.probability as decimal(18, 2)
        ) as expected_reporting_amount,
        cast(stage_sums.number_of_stages as {{ dbt.type_bigint() }}) as number_of_stages,
        cast(longest_stages.seconds_in_stage as {{ dbt.type_bigint() }}) as longest_stage_seconds,
        cast(stage_sums.seconds_in_past_stages as {{ dbt.type_bigint() }})
            as seconds_in_past_stages,
        cast(closed.seconds_to_close as {{ dbt.type_bigint() }}) as seconds_to_close,
        -- A deal that was written down after it had closed tells nothing of how long it took.
        cast(
            case
                when closed.seconds_to_close >= 0
                    then {{ days_of_seconds('closed.seconds_to_close') }}
                when closed.seconds_to_close is null and closed.days_to_close_on >= 0
                    then closed.days_to_close_on
            end as decimal(18, 2)
        ) as sales_cycle_days,

        mapped.is_closed,
        mapped.is_won,
        every.is_deleted,
        every.amount is not null
        and {{ reporting_amount('every.amount', 'every.currency', 'rates.rate') }} is null
            as has_missing_rate,

        every.close_on,
        closed.closed_on,
        cast(every.created_at as date) as created_on,
        every.created_at,
        stage_sums.stage_entered_at,
        every.updated_at
    from every
    inner join mapped
        on every.opportunity_key = mapped.opportunity_key
    inner join closed
        on every.opportunity_key = closed.opportunity_key
    left join xref
        on every.customer_record_key = xref.record_key
    left join rates
        on
            every.currency = rates.currency
            and coalesce(every.close_on, cast(every.created_at as date)) = rates.date_day
    left join stage_sums
        on every.opportunity_key = stage_sums.opportunity_key
    left join longest_stages
        on every.opportunity_key = longest_stages.opportunity_key
)

select * from final
