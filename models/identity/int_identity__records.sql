-- Grain: one row per source record that can be a person, deleted ones too.
-- Records say here what their sources say; nothing is chosen or merged yet.

with

salesforce_contacts as (
    select * from {{ ref('stg_salesforce__contacts') }}
),

salesforce_accounts as (
    select * from {{ ref('stg_salesforce__accounts') }}
),

salesforce_leads as (
    select * from {{ ref('stg_salesforce__leads') }}
),

hubspot_contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
),

hubspot_companies as (
    select * from {{ ref('stg_hubspot__companies') }}
),

segment_users as (
    select * from {{ ref('int_identity__segment_users') }}
),

segment_devices as (
    select * from {{ ref('int_identity__segment_devices') }}
),

files_people as (
    select * from {{ ref('stg_files__people') }}
),

files_customers as (
    select * from {{ ref('int_identity__files_customers') }}
),

country_names as (
    select * from {{ ref('country_names') }}
),

source_regions as (
    select * from {{ ref('source_regions') }}
),

records as (
    select
        salesforce_contacts.record_key,
        'salesforce:contact' as record_source,
        salesforce_contacts.contact_id as record_id,
        salesforce_contacts.user_id,
        salesforce_contacts.loyalty_id,
        salesforce_contacts.first_name as given_name,
        salesforce_contacts.last_name as family_name,
        salesforce_contacts.email,
        salesforce_contacts.phone,
        salesforce_contacts.mobile_phone,
        salesforce_accounts.account_name as company,
        salesforce_contacts.job_title,
        salesforce_contacts.street,
        salesforce_contacts.city,
        salesforce_contacts.postal_code,
        salesforce_contacts.country,
        salesforce_accounts.billing_country as company_country,
        null as seen_region,
        null as consent,
        salesforce_contacts.has_opted_out_of_email,
        salesforce_contacts.is_deleted,
        salesforce_contacts.date_of_birth,
        salesforce_contacts.created_at,
        salesforce_contacts.updated_at
    from salesforce_contacts
    left join salesforce_accounts
        on salesforce_contacts.account_id = salesforce_accounts.account_id

    union all

    select
        record_key,
        'salesforce:lead' as record_source,
        lead_id as record_id,
        null as user_id,
        null as loyalty_id,
        first_name as given_name,
        last_name as family_name,
        email,
        phone,
        mobile_phone,
        company,
        job_title,
        street,
        city,
        postal_code,
        country,
        null as company_country,
        null as seen_region,
        null as consent,
        null as has_opted_out_of_email,
        is_deleted,
        null as date_of_birth,
        created_at,
        updated_at
    from salesforce_leads

    union all

    select
        hubspot_contacts.record_key,
        'hubspot:contact' as record_source,
        hubspot_contacts.contact_id as record_id,
        hubspot_contacts.user_id,
        hubspot_contacts.loyalty_id,
        hubspot_contacts.first_name as given_name,
        hubspot_contacts.last_name as family_name,
        hubspot_contacts.email,
        hubspot_contacts.phone,
        hubspot_contacts.mobile_phone,
        coalesce(hubspot_contacts.company, hubspot_companies.company_name) as company,
        hubspot_contacts.job_title,
        hubspot_contacts.street,
        hubspot_contacts.city,
        hubspot_contacts.postal_code,
        hubspot_contacts.country,
        hubspot_companies.country as company_country,
        null as seen_region,
        null as consent,
        hubspot_contacts.has_opted_out_of_email,
        hubspot_contacts.is_deleted,
        null as date_of_birth,
        hubspot_contacts.created_at,
        hubspot_contacts.updated_at
    from hubspot_contacts
    left join hubspot_companies
        on hubspot_contacts.company_id = hubspot_companies.company_id

    union all

    select
        {{ record_key('segment', 'user', 'user_id') }} as record_key,
        'segment:user' as record_source,
        user_id as record_id,
        user_id,
        coalesce({{ json_text('traits', 'loyalty_id') }}, {{ json_text('traits', 'loyaltyId') }})
            as loyalty_id,
        coalesce({{ json_text('traits', 'first_name') }}, {{ json_text('traits', 'firstName') }})
            as given_name,
        coalesce({{ json_text('traits', 'last_name') }}, {{ json_text('traits', 'lastName') }})
            as family_name,
        {{ json_text('traits', 'email') }} as email,
        {{ json_text('traits', 'phone') }} as phone,
        null as mobile_phone,
        coalesce({{ json_text('traits', 'company.name') }}, {{ json_text('traits', 'company') }})
            as company,
        {{ json_text('traits', 'title') }} as job_title,
        {{ json_text('traits', 'address.street') }} as street,
        coalesce({{ json_text('traits', 'address.city') }}, {{ json_text('traits', 'city') }})
            as city,
        {{ json_text('traits', 'address.postalCode') }} as postal_code,
        coalesce({{ json_text('traits', 'address.country') }}, {{ json_text('traits', 'country') }})
            as country,
        null as company_country,
        region as seen_region,
        consent,
        null as has_opted_out_of_email,
        is_deleted,
        try_cast({{ json_text('traits', 'birthday') }} as date) as date_of_birth,
        first_seen_at as created_at,
        last_seen_at as updated_at
    from segment_users

    union all

    select
        {{ record_key('segment', 'anonymous', 'anonymous_id') }} as record_key,
        'segment:anonymous' as record_source,
        anonymous_id as record_id,
        null as user_id,
        null as loyalty_id,
        null as given_name,
        null as family_name,
        null as email,
        null as phone,
        null as mobile_phone,
        null as company,
        null as job_title,
        null as street,
        null as city,
        null as postal_code,
        null as country,
        null as company_country,
        region as seen_region,
        consent,
        null as has_opted_out_of_email,
        false as is_deleted,
        null as date_of_birth,
        first_seen_at as created_at,
        last_seen_at as updated_at
    from segment_devices

    union all

    select
        record_key,
        'files:person' as record_source,
        dataset || '/' || person_id as record_id,
        user_id,
        loyalty_id,
        first_name as given_name,
        last_name as family_name,
        email,
        phone,
        null as mobile_phone,
        null as company,
        null as job_title,
        street,
        city,
        postal_code,
        country,
        null as company_country,
        null as seen_region,
        null as consent,
        null as has_opted_out_of_email,
        is_deleted,
        null as date_of_birth,
        created_at,
        updated_at
    from files_people

    union all

    select
        record_key,
        'files:customer' as record_source,
        dataset || '/' || files_customer_id as record_id,
        user_id,
        null as loyalty_id,
        null as given_name,
        null as family_name,
        email,
        null as phone,
        null as mobile_phone,
        null as company,
        null as job_title,
        null as street,
        null as city,
        null as postal_code,
        country,
        null as company_country,
        null as seen_region,
        null as consent,
        null as has_opted_out_of_email,
        false as is_deleted,
        null as date_of_birth,
        first_seen_at as created_at,
        last_seen_at as updated_at
    from files_customers
),

final as (
    select
        records.record_key,
        {{ node_number('records.record_key') }} as record_number,
        records.record_source,
        split_part(records.record_source, ':', 1) as source_system,
        split_part(records.record_source, ':', 2) as source_object,
        records.record_id,
        nullif(trim(records.user_id), '') as user_id,
        nullif(trim(records.loyalty_id), '') as loyalty_id,

        nullif(trim(records.given_name), '') as given_name,
        nullif(trim(records.family_name), '') as family_name,
        {{ normalised_name('records.given_name') }} as given_name_key,
        {{ normalised_name('records.family_name') }} as family_name_key,
        nullif(trim(records.email), '') as email,
        nullif(trim(records.phone), '') as phone,
        nullif(trim(records.mobile_phone), '') as mobile_phone,
        nullif(trim(records.company), '') as company,
        nullif(trim(records.job_title), '') as job_title,
        nullif(trim(records.street), '') as street,
        nullif(trim(records.city), '') as city,
        nullif(trim(records.postal_code), '') as postal_code,
        nullif(trim(records.country), '') as country,
        country_names.region as country_code,
        coalesce(seen_countries.region, country_names.region) as region,
        coalesce(
            country_names.region,
            company_countries.region,
            seen_countries.region,
            source_regions.default_region
        ) as phone_region,
        records.consent,

        records.has_opted_out_of_email,
        records.is_deleted,

        records.date_of_birth,
        records.created_at,
        records.updated_at
    from records
    left join country_names
        on lower(trim(records.country)) = country_names.country_name
    left join country_names as company_countries
        on lower(trim(records.company_country)) = company_countries.country_name
    left join country_names as seen_countries
        on lower(trim(records.seen_region)) = seen_countries.country_name
    left join source_regions
        on records.record_source = source_regions.record_source
)

select * from final
