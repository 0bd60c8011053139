-- Grain: one row per Salesforce contact; deleted ones stay, marked.

with

source as (
    select * from {{ source('salesforce', 'contact') }}
    where _quarantined_at is null
),

final as (
    select
        {{ record_key('salesforce', 'contact', "id") }} as record_key,
        id as contact_id,
        master_record_id as master_contact_id,
        account_id,
        web_user_id__c as user_id,
        loyalty_id__c as loyalty_id,
        owner_id,

        first_name,
        last_name,
        name as full_name,
        email,
        phone,
        mobile_phone,
        title as job_title,
        mailing_street as street,
        mailing_city as city,
        mailing_postal_code as postal_code,
        mailing_country as country,
        lead_source,

        has_opted_out_of_email,
        coalesce(_is_deleted, false) or coalesce(is_deleted, false) as is_deleted,

        birthdate as date_of_birth,
        created_date as created_at,
        last_modified_date as last_modified_at,
        system_modstamp as updated_at,

        _deleted_at as deleted_noticed_at,
        _extracted_at as extracted_at
    from source
)

select * from final
