-- Grain: one row, the last day that lead priority knows of: the variable value_cutoff or, without
-- it, the newest day on which a lead came in or converted, as the CRM's clock has it.

{{ config(materialized='view', contract={'enforced': false}) }}

with

leads as (
    select * from {{ ref('stg_salesforce__leads') }}
),

final as (
    select
        coalesce(
            cast(nullif('{{ var("value_cutoff") }}', '') as date),
            max(greatest(
                cast(created_at as date),
                coalesce(converted_on, cast(created_at as date))
            ))
        ) as cutoff_day
    from leads
)

select * from final
