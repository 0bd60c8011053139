-- Grain: one row per lead and day it is looked at from: the cut-off, and one and two horizons
-- before, where it had come in within the lead_open_days up to it and was not converted yet.
-- Features know leads and touches up to as_of_day alone. The outcome, that it converted within one
-- horizon, is never looked for beyond the cut-off: as of the cut-off it is null.

{{ config(materialized='table', contract={'enforced': false}) }}

{% set horizon = var('lead_horizon_days') %}

with

every_lead as (
    select * from {{ ref('stg_salesforce__leads') }}
    where not is_deleted
),

-- Who converted nobody knows when can be an example of nothing.
leads as (
    select
        lead_id,
        record_key,
        lower(coalesce(lead_source, 'unknown')) as lead_source,
        cast(created_at as date) as created_on,
        converted_on
    from every_lead
    where
        created_at is not null
        and (converted_on is not null or not coalesce(is_converted, false))
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

touches as (
    select
        customer_id,
        touch_type,
        cast(touched_at as date) as touched_on
    from {{ ref('fct_touches') }}
    where
        customer_id is not null
        and touched_at is not null
        and touch_type <> 'lead_created'
),

cutoff as (
    select * from {{ ref('int_sales__lead_cutoff') }}
),

looked_from as (
    {% for back in range(3) %}
        select
            cast({{ dbt.dateadd('day', -back * horizon, 'cutoff_day') }} as date) as as_of_day,
            cast({{ dbt.dateadd('day', (1 - back) * horizon, 'cutoff_day') }} as date)
                as horizon_ends_on,
            {{ back }} as horizons_back,
            cutoff_day
        from cutoff
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

open_leads as (
    select
        leads.lead_id,
        xref.customer_id,
        leads.lead_source,
        leads.converted_on,
        looked_from.as_of_day,
        looked_from.horizon_ends_on,
        looked_from.horizons_back,
        looked_from.cutoff_day,
        looked_from.as_of_day - leads.created_on as age_days
    from leads
    inner join looked_from
        on
            leads.created_on <= looked_from.as_of_day
            and leads.created_on
            > {{ dbt.dateadd('day', -var('lead_open_days'), 'looked_from.as_of_day') }}
            and coalesce(leads.converted_on > looked_from.as_of_day, true)
    left join xref
        on leads.record_key = xref.record_key
),

-- Leads whose first horizon was over by then: of each source, and of all.
past_leads as (
    select
        looked_from.horizons_back,
        leads.lead_source,
        count(*) as number_of_leads,
        sum(
            case
                when
                    leads.converted_on
                    <= {{ dbt.dateadd('day', horizon, 'leads.created_on') }}
                    then 1
                else 0
            end
        ) as number_converted
    from leads
    inner join looked_from
        on
            {{ dbt.dateadd('day', horizon, 'leads.created_on') }}
            <= looked_from.as_of_day
    group by looked_from.horizons_back, leads.lead_source
),

-- A source of few leads is taken to be like all: as if ten more of the usual kind had come by it.
source_rates as (
    select
        horizons_back,
        lead_source,
        cast(sum(number_converted) over (partition by horizons_back) as double)
        / sum(number_of_leads) over (partition by horizons_back) as overall_rate,
        number_of_leads,
        number_converted
    from past_leads
),

overall_rates as (
    select
        horizons_back,
        max(overall_rate) as overall_rate
    from source_rates
    group by horizons_back
),

touched as (
    select
        open_leads.lead_id,
        open_leads.horizons_back,
        open_leads.as_of_day - max(touches.touched_on) as days_since_touch,
        sum(case when touches.touch_type = 'campaign_response' then 1 else 0 end) as responses,
        sum(
            case
                when
                    touches.touch_type = 'web_session'
                    and touches.touched_on
                    > {{ dbt.dateadd('day', -30, 'open_leads.as_of_day') }}
                    then 1
                else 0
            end
        ) as recent_visits,
        sum(
            case
                when
                    touches.touch_type = 'sales_activity'
                    and touches.touched_on
                    > {{ dbt.dateadd('day', -30, 'open_leads.as_of_day') }}
                    then 1
                else 0
            end
        ) as recent_sales_activities
    from open_leads
    inner join touches
        on
            open_leads.customer_id = touches.customer_id
            and open_leads.as_of_day >= touches.touched_on
    group by open_leads.lead_id, open_leads.horizons_back, open_leads.as_of_day
),

measured as (
    select
        open_leads.lead_id,
        open_leads.customer_id,
        open_leads.horizons_back,
        open_leads.as_of_day,
        open_leads.cutoff_day,
        open_leads.age_days,
        touched.days_since_touch,
        coalesce(touched.responses, 0) as responses,
        coalesce(touched.recent_visits, 0) as recent_visits,
        coalesce(touched.recent_sales_activities, 0) as recent_sales_activities,
        (coalesce(source_rates.number_converted, 0) + 10.0 * overall_rates.overall_rate)
        / (coalesce(source_rates.number_of_leads, 0) + 10.0) as source_rate,
        case
            when open_leads.horizons_back > 0
                then
                    case
                        when open_leads.converted_on <= open_leads.horizon_ends_on then 1
                        else 0
                    end
        end as outcome
    from open_leads
    left join touched
        on
            open_leads.lead_id = touched.lead_id
            and open_leads.horizons_back = touched.horizons_back
    left join source_rates
        on
            open_leads.horizons_back = source_rates.horizons_back
            and open_leads.lead_source = source_rates.lead_source
    left join overall_rates
        on open_leads.horizons_back = overall_rates.horizons_back
),

final as (
    select
        lead_id,
        customer_id,

        {% for feature in lead_features() -%}
            cast({{ feature.sql }} as double) as {{ feature.name }},
        {% endfor %}
        horizons_back,
        outcome,
        {{ horizon }} as horizon_days,

        as_of_day,
        cutoff_day
    from measured
)

select * from final
