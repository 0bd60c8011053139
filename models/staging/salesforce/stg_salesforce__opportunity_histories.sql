-- Grain: one row per change of an opportunity's stage, amount, probability or close date; deleted
-- ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'opportunity_history') }}
    where _quarantined_at is null
),

final as (
    select
        id as opportunity_history_id,
        opportunity_id,
        created_by_id,

        stage_name,
        forecast_category,

        amount,
        expected_revenue,
        cast(probability as decimal(5, 2)) as probability_percent,

        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        close_date as close_on,
        created_date as created_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
