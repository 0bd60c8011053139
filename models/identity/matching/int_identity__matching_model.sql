-- Grain: one row, the version of weights that scores are made with; none until one was trained.
-- Weights of other comparisons than today's contract has would weigh other levels: not used.

{{ config(materialized='view') }}

with

models as (
    select * from {{ source('ops', 'match_models') }}
    where contract_version = '{{ matching_contract() }}'
),

ranked as (
    select
        *,
        row_number() over (order by trained_at desc, model_version desc) as version_rank
    from models
),

final as (
    select
        model_version,

        number_of_records,
        link_weight,
        review_weight,

        trained_at
    from ranked
    where version_rank = 1
)

select * from final
