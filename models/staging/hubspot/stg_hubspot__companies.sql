-- Grain: one row per HubSpot company; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'companies') }}
    where _quarantined_at is null
),

final as (
    select
        id as company_id,
        hubspot_owner_id as owner_id,

        name as company_name,
        domain,
        industry,
        phone,
        city,
        country,
        lifecyclestage as lifecycle_stage,
        hs_merged_object_ids as merged_company_ids,

        cast(numberofemployees as bigint) as number_of_employees,
        cast(annualrevenue as decimal(18, 2)) as annual_revenue,

        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        updated_at,
        archived_at,
        createdate as created_at,
        hs_lastmodifieddate as last_modified_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
