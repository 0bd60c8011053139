-- Grain: one row per Salesforce lead that is open as of the cut-off; none before
-- `braid score train lead` has run. How likely it is to convert in the horizon, and why.

{% set features = lead_features() %}

with

examples as (
    select * from {{ ref('int_sales__lead_examples') }}
    where horizons_back = 0
),

model as (
    {{ scored_by('lead', features, ref('int_sales__lead_cutoff'), var('lead_horizon_days')) }}
),

effects as (
    select
        examples.lead_id,
        examples.customer_id,
        examples.cutoff_day,
        model.model_version,
        {{ feature_effects(features) }}
        cast(model.intercept as decimal(18, 6)) as base_effect
    from examples
    cross join model
),

scored as (
    select
        *,
        {{ probability_of_effects(features) }} as conversion_probability,
        {{ strongest_feature(features, 1) }} as main_reason,
        {{ strongest_feature(features, -1) }} as main_obstacle
    from effects
),

ranked as (
    select
        *,
        rank() over (order by conversion_probability asc) as priority_rank,
        count(*) over () as leads
    from scored
),

final as (
    select
        cast(lead_id as {{ dbt.type_string() }}) as lead_id,
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(model_version as {{ dbt.type_string() }}) as model_version,

        cast(main_reason as {{ dbt.type_string() }}) as main_reason,
        cast(main_obstacle as {{ dbt.type_string() }}) as main_obstacle,

        conversion_probability,
        cast({{ fifth('priority_rank', 'leads') }} as {{ dbt.type_bigint() }}) as priority_fifth,
        base_effect,
        {% for feature in features -%}
            {{ feature.name }}_effect,
        {% endfor %}
        cast({{ var('lead_horizon_days') }} as {{ dbt.type_bigint() }}) as horizon_days,

        cutoff_day
    from ranked
)

select * from final
