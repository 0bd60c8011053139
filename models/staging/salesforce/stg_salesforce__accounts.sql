-- Grain: one row per Salesforce account; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'account') }}
    where _quarantined_at is null
),

final as (
    select
        id as account_id,
        master_record_id as master_account_id,
        owner_id,

        name as account_name,
        type as account_type,
        industry,
        website,
        phone,
        billing_street,
        billing_city,
        billing_postal_code,
        billing_country,
        region__c as sales_region,

        number_of_employees,
        annual_revenue,

        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
