-- Grain: one row per HubSpot deal; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'deals') }}
    where _quarantined_at is null
),

final as (
    select
        id as deal_id,
        dealstage as stage_id,
        pipeline as pipeline_id,
        hubspot_owner_id as owner_id,

        dealname as deal_name,
        dealtype as deal_type,
        deal_currency_code as currency,
        hs_merged_object_ids as merged_deal_ids,

        cast(amount as decimal(18, 2)) as amount,
        hs_deal_stage_probability as probability,

        hs_is_closed as is_closed,
        hs_is_closed_won as is_won,
        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        updated_at,
        archived_at,
        closedate as closed_at,
        createdate as created_at,
        hs_lastmodifieddate as last_modified_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
