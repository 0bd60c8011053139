-- Grain: one row per Salesforce lead; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'lead') }}
    where _quarantined_at is null
),

final as (
    select
        {{ record_key('salesforce', 'lead', "id") }} as record_key,
        id as lead_id,
        master_record_id as master_lead_id,
        converted_account_id,
        converted_contact_id,
        converted_opportunity_id,
        owner_id,

        first_name,
        last_name,
        name as full_name,
        company,
        email,
        phone,
        mobile_phone,
        title as job_title,
        status as lead_status,
        lead_source,
        street,
        city,
        postal_code,
        country,

        is_converted,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        converted_date as converted_on,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
