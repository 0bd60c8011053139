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
        max(case when is_current then source_stage end) as last_source_stage,
        max(case when is_current then stage end) as last_stage,
        max(case when is_current then entered_at end) as last_entered_at
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
        cast(opportunities.probability_percent * 0.01 as decimal(5, 4)) as source_probability,
        opportunities.is_closed as source_is_closed,
        opportunities.is_won as source_is_won,
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
        ) as source_probability,
        coalesce(deals.is_closed, pipeline_stages.is_closed) as source_is_closed,
        coalesce(
            deals.is_won,
            pipeline_stages.is_closed and pipeline_stages.probability = 1
        ) as source_is_won,
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
joined as (
    select
        every.*,
        xref.customer_id,
        coalesce(in_pipeline.stage, in_any.stage, 'unmapped') as stage,
        longest_stages.stage_name as longest_stage_name,
        coalesce(in_pipeline.stage_position, in_any.stage_position) as stage_position,
        coalesce(
            every.source_probability,
            case
                when in_pipeline.stage is null then in_any.probability
                else in_pipeline.probability
            end
        ) as probability,
        cast(
            {{ reporting_amount('every.amount', 'every.currency', 'rates.rate') }}
            as decimal(18, 2)
        ) as reporting_amount,
        stage_sums.number_of_stages,
        stage_sums.seconds_in_past_stages,
        longest_stages.seconds_in_stage as longest_stage_seconds,
        {{ dbt.datediff('every.created_at', 'every.close_on', 'day') }}
            as days_to_close_on,
        coalesce(every.source_is_closed, in_pipeline.is_closed, in_any.is_closed, false)
            as is_closed,
        coalesce(every.source_is_won, in_pipeline.is_won, in_any.is_won, false) as is_won,
        stage_sums.last_source_stage,
        stage_sums.last_stage,
        stage_sums.last_entered_at
    from every
    left join xref
        on every.customer_record_key = xref.record_key
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
    left join rates
        on
            every.currency = rates.currency
            and coalesce(every.close_on, cast(every.created_at as date)) = rates.date_day
    left join stage_sums
        on every.opportunity_key = stage_sums.opportunity_key
    left join longest_stages
        on every.opportunity_key = longest_stages.opportunity_key
),

-- A history that ends in another stage than the deal is in has not been read to its end: it does
-- not tell when the present stage began.
entered as (
    select
        *,
        case
            when
                lower(trim(last_source_stage)) = lower(trim(source_stage))
                or (last_stage = stage and stage <> 'unmapped')
                then last_entered_at
        end as stage_entered_at
    from joined
),

-- Whoever brings old deals into a CRM writes them down in their final stage: they closed on their
-- close date, not when they were written down. A day of play is for dates of another time zone.
measured as (
    select
        *,
        {{ dbt.datediff('created_at', 'stage_entered_at', 'second') }}
            as seconds_to_stage,
        coalesce(is_closed and number_of_stages = 1 and days_to_close_on < -1, false)
            as is_written_down_late
    from entered
),

final as (
    select
        cast(opportunity_key as {{ dbt.type_string() }}) as opportunity_key,
        cast(source_system as {{ dbt.type_string() }}) as source_system,
        cast(opportunity_id as {{ dbt.type_string() }}) as opportunity_id,
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(account_key as {{ dbt.type_string() }}) as account_key,
        cast(campaign_id as {{ dbt.type_string() }}) as campaign_id,
        cast({{ record_key('salesforce', 'campaign', 'campaign_id') }} as {{ dbt.type_string() }})
            as campaign_key,
        cast(owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(owner_key as {{ dbt.type_string() }}) as owner_key,

        cast(opportunity_name as {{ dbt.type_string() }}) as opportunity_name,
        cast(opportunity_type as {{ dbt.type_string() }}) as opportunity_type,
        cast(pipeline_name as {{ dbt.type_string() }}) as pipeline_name,
        cast(pipeline_id as {{ dbt.type_string() }}) as source_pipeline,
        cast(source_stage as {{ dbt.type_string() }}) as source_stage,
        cast(stage_name as {{ dbt.type_string() }}) as stage_name,
        cast(stage as {{ dbt.type_string() }}) as stage,
        cast(longest_stage_name as {{ dbt.type_string() }}) as longest_stage_name,
        cast(lead_source as {{ dbt.type_string() }}) as lead_source,
        cast(currency as {{ dbt.type_string() }}) as currency,

        cast(stage_position as {{ dbt.type_bigint() }}) as stage_position,
        cast(amount as decimal(18, 2)) as amount,
        reporting_amount,
        cast(probability as decimal(5, 4)) as probability,
        cast(amount * probability as decimal(18, 2)) as expected_amount,
        cast(reporting_amount * probability as decimal(18, 2)) as expected_reporting_amount,
        cast(number_of_stages as {{ dbt.type_bigint() }}) as number_of_stages,
        cast(longest_stage_seconds as {{ dbt.type_bigint() }}) as longest_stage_seconds,
        cast(seconds_in_past_stages as {{ dbt.type_bigint() }}) as seconds_in_past_stages,
        cast(case when is_closed then seconds_to_stage end as {{ dbt.type_bigint() }})
            as seconds_to_close,
        -- A deal that was written down after it had closed does not tell how long it took.
        cast(
            case
                when is_written_down_late then null
                when is_closed and seconds_to_stage >= 0
                    then {{ days_of_seconds('seconds_to_stage') }}
                when is_closed and stage_entered_at is null and days_to_close_on >= 0
                    then days_to_close_on
            end as decimal(18, 2)
        ) as sales_cycle_days,

        is_closed,
        is_won,
        is_deleted,
        amount is not null and reporting_amount is null as has_missing_rate,

        close_on,
        case
            when is_written_down_late then close_on
            when is_closed then coalesce(cast(stage_entered_at as date), close_on)
        end as closed_on,
        cast(created_at as date) as created_on,
        created_at,
        stage_entered_at,
        updated_at
    from measured
)

select * from final
