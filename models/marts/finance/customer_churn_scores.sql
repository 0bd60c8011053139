-- Grain: one row per customer who bought in the churn_active_days up to the cut-off; none before
-- `braid score train churn` has run. How likely it is that they buy nothing in the horizon, and
-- why.

{% set features = churn_features() %}

with

examples as (
    select * from {{ ref('int_finance__churn_examples') }}
    where horizons_back = 0
),

model as (
    {{ scored_by(
        'churn', features, ref('int_finance__value_cutoff'), var('churn_horizon_days')
    ) }}
),

effects as (
    select
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
        {{ probability_of_effects(features) }} as churn_probability,
        {{ strongest_feature(features, 1) }} as main_reason
    from effects
),

ranked as (
    select
        *,
        rank() over (order by churn_probability asc) as risk_rank,
        count(*) over () as customers
    from scored
),

final as (
    select
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(model_version as {{ dbt.type_string() }}) as model_version,

        cast(main_reason as {{ dbt.type_string() }}) as main_reason,

        churn_probability,
        cast({{ fifth('risk_rank', 'customers') }} as {{ dbt.type_bigint() }}) as risk_fifth,
        base_effect,
        {% for feature in features -%}
            {{ feature.name }}_effect,
        {% endfor %}
        cast({{ var('churn_horizon_days') }} as {{ dbt.type_bigint() }}) as horizon_days,

        cutoff_day
    from ranked
)

select * from final
