-- Grain: one row per HubSpot contact; deleted ones stay, marked.

with

source as (
    select * from {{ source('hubspot', 'contacts') }}
    where _quarantined_at is null
),

final as (
    select
        {{ record_key('hubspot', 'contact', "id") }} as record_key,
        id as contact_id,
        hubspot_owner_id as owner_id,
        associatedcompanyid as company_id,
        salesforcecontactid as salesforce_contact_id,
        web_user_id as user_id,
        loyalty_id,

        email,
        firstname as first_name,
        lastname as last_name,
        phone,
        mobilephone as mobile_phone,
        company,
        jobtitle as job_title,
        address as street,
        city,
        zip as postal_code,
        country,
        lifecyclestage as lifecycle_stage,
        hs_lead_status as lead_status,
        hs_analytics_source as original_source,
        hs_merged_object_ids as merged_contact_ids,

        cast(num_associated_deals as bigint) as number_of_deals,

        hs_email_optout as has_opted_out_of_email,
        coalesce(_is_deleted, false) or coalesce(archived, false) as is_deleted,

        updated_at,
        archived_at,
        createdate as created_at,
        lastmodifieddate as last_modified_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
