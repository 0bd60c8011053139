-- Grain: one row per Salesforce opportunity; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'opportunity') }}
    where _quarantined_at is null
),

final as (
    select
        id as opportunity_id,
        account_id,
        contact_id,
        campaign_id,
        owner_id,

        name as opportunity_name,
        stage_name,
        type as opportunity_type,
        lead_source,
        forecast_category_name as forecast_category,

        amount,
        cast(probability as decimal(5, 2)) as probability_percent,
        expected_revenue,

        is_closed,
        is_won,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        close_date as close_on,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
