-- Grain: one row per campaign: Salesforce's, deleted ones too, and the names that visits came with.
-- A campaign of a visit is its name alone: the same name from two sources is one campaign.

with

campaigns as (
    select * from {{ ref('stg_salesforce__campaigns') }}
),

touches as (
    select
        campaign_key,
        min(campaign_name) as campaign_name,
        min(touched_at) as first_touched_at,
        max(touched_at) as last_touched_at
    from {{ ref('fct_touches') }}
    where campaign_key is not null
    group by campaign_key
),

every as (
    select
        {{ record_key('salesforce', 'campaign', 'campaign_id') }} as campaign_key,
        'salesforce' as source_system,
        campaign_id,
        {{ record_key('salesforce', 'user', 'owner_id') }} as owner_key,
        campaign_name,
        campaign_type,
        campaign_status,
        '{{ var("salesforce_currency") | upper }}' as currency,
        budgeted_cost,
        actual_cost,
        is_active,
        is_deleted,
        start_on,
        end_on
    from campaigns

    union all

    select
        campaign_key,
        'segment' as source_system,
        null as campaign_id,
        null as owner_key,
        campaign_name,
        null as campaign_type,
        null as campaign_status,
        null as currency,
        null as budgeted_cost,
        null as actual_cost,
        null as is_active,
        false as is_deleted,
        null as start_on,
        null as end_on
    from touches
    where campaign_key like 'segment:campaign:%'
),

final as (
    select
        cast(every.campaign_key as {{ dbt.type_string() }}) as campaign_key,
        cast(every.source_system as {{ dbt.type_string() }}) as source_system,
        cast(every.campaign_id as {{ dbt.type_string() }}) as campaign_id,
        cast(every.owner_key as {{ dbt.type_string() }}) as owner_key,

        cast(every.campaign_name as {{ dbt.type_string() }}) as campaign_name,
        cast(every.campaign_type as {{ dbt.type_string() }}) as campaign_type,
        cast(every.campaign_status as {{ dbt.type_string() }}) as campaign_status,
        cast(every.currency as {{ dbt.type_string() }}) as currency,

        cast(every.budgeted_cost as decimal(18, 2)) as budgeted_cost,
        cast(every.actual_cost as decimal(18, 2)) as actual_cost,

        every.is_active,
        every.is_deleted,

        every.start_on,
        every.end_on,
        touches.first_touched_at,
        touches.last_touched_at
    from every
    left join touches
        on every.campaign_key = touches.campaign_key
)

select * from final
