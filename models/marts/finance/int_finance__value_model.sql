-- Grain: one row, the version of parameters that customers are scored with; none until one is
-- known.
-- A version that learnt from days after the cut-off knows too much and is never taken.

{{ config(materialized='view', contract={'enforced': false}) }}

with

models as (
    select * from {{ source('ops', 'value_models') }}
),

cutoff as (
    select * from {{ ref('int_finance__value_cutoff') }}
),

ranked as (
    select
        models.*,
        row_number() over (
            order by models.learnt_until desc, models.trained_at desc, models.model_version desc
        ) as version_rank
    from models
    inner join cutoff
        on models.learnt_until <= cutoff.cutoff_day
),

final as (
    select
        model_version,

        r,
        alpha,
        a,
        b,

        learnt_until,
        trained_at
    from ranked
    where version_rank = 1
)

select * from final
