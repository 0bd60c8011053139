-- Grain: one row per customer who bought by the cut-off; none before `braid value train` has run.
-- Whether they are still a customer, and what they will buy in the horizon, as far as BG/NBD and
-- Gamma-Gamma can tell from what was known on the cut-off's day (docs/customer-value.md).

with

histories as (
    select * from {{ ref('int_finance__purchase_histories') }}
),

expectations as (
    select * from {{ ref('int_finance__purchase_expectations') }}
),

model as (
    select * from {{ ref('int_finance__value_model') }}
),

spend_models as (
    select spends.*
    from {{ source('ops', 'value_spend_models') }} as spends
    inner join model
        on spends.model_version = model.model_version
),

-- The odds that they have left, as a logarithm: of who never came back nobody can tell.
alive as (
    select
        histories.*,
        model.model_version,
        case
            when histories.repeat_purchases = 0 then 1.0
            else
                1.0 / (1.0 + exp(greatest(-700.0, least(
                    700.0,
                    ln(model.a / (model.b + histories.repeat_purchases - 1.0))
                    + (model.r + histories.repeat_purchases)
                    * ln(
                        (model.alpha * 7.0 + histories.age_days)
                        / (model.alpha * 7.0 + histories.recency_days)
                    )
                ))))
        end as probability_alive
    from histories
    cross join model
),

expected as (
    select
        alive.*,
        alive.probability_alive * expectations.expected_if_alive as expected_purchases,
        -- No finite mean: nothing is said.
        (spend_models.v + cast(alive.repeat_amount as double))
        * spend_models.p
        / case
            when spend_models.p * alive.repeat_spend_days + spend_models.q > 1.0
                then spend_models.p * alive.repeat_spend_days + spend_models.q - 1.0
        end as expected_average_amount
    from alive
    inner join expectations
        on
            alive.repeat_purchases = expectations.repeat_purchases
            and alive.age_days = expectations.age_days
    left join spend_models
        on coalesce(alive.currency, '') = coalesce(spend_models.currency, '')
),

final as (
    select
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(model_version as {{ dbt.type_string() }}) as model_version,

        cast(currency as {{ dbt.type_string() }}) as currency,

        cast(probability_alive as decimal(18, 6)) as probability_alive,
        cast(expected_purchases as decimal(18, 6)) as expected_purchases,
        cast(expected_average_amount as decimal(18, 4)) as expected_average_amount,
        cast(expected_purchases * expected_average_amount as decimal(18, 4)) as expected_value,
        cast({{ var('value_horizon_days') }} as {{ dbt.type_bigint() }}) as horizon_days,

        cutoff_day
    from expected
)

select * from final
