-- Grain: one row per Salesforce account or HubSpot company, deleted ones too.
-- The same organisation in both systems is two rows: organisations are not matched, people are.

with

salesforce_accounts as (
    select * from {{ ref('stg_salesforce__accounts') }}
),

hubspot_companies as (
    select * from {{ ref('stg_hubspot__companies') }}
),

country_names as (
    select * from {{ ref('country_names') }}
),

accounts as (
    select
        {{ record_key('salesforce', 'account', 'account_id') }} as account_key,
        'salesforce' as source_system,
        account_id,
        owner_id,
        {{ record_key('salesforce', 'user', 'owner_id') }} as owner_key,
        account_name,
        account_type,
        industry,
        website,
        billing_city as city,
        billing_country as country,
        number_of_employees,
        annual_revenue,
        is_deleted,
        created_at,
        updated_at
    from salesforce_accounts

    union all

    select
        {{ record_key('hubspot', 'company', 'company_id') }} as account_key,
        'hubspot' as source_system,
        company_id as account_id,
        owner_id,
        {{ record_key('hubspot', 'owner', 'owner_id') }} as owner_key,
        company_name as account_name,
        null as account_type,
        industry,
        domain as website,
        city,
        country,
        number_of_employees,
        annual_revenue,
        is_deleted,
        created_at,
        updated_at
    from hubspot_companies
),

final as (
    select
        cast(accounts.account_key as {{ dbt.type_string() }}) as account_key,
        cast(accounts.source_system as {{ dbt.type_string() }}) as source_system,
        cast(accounts.account_id as {{ dbt.type_string() }}) as account_id,
        cast(accounts.owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(accounts.owner_key as {{ dbt.type_string() }}) as owner_key,

        cast(accounts.account_name as {{ dbt.type_string() }}) as account_name,
        cast(accounts.account_type as {{ dbt.type_string() }}) as account_type,
        cast(accounts.industry as {{ dbt.type_string() }}) as industry,
        cast(accounts.website as {{ dbt.type_string() }}) as website,
        cast(accounts.city as {{ dbt.type_string() }}) as city,
        cast(coalesce(country_names.region, accounts.country) as {{ dbt.type_string() }})
            as country,

        cast(accounts.number_of_employees as {{ dbt.type_bigint() }}) as number_of_employees,
        cast(accounts.annual_revenue as decimal(18, 2)) as annual_revenue,

        accounts.is_deleted,

        accounts.created_at,
        accounts.updated_at
    from accounts
    left join country_names
        on lower(trim(accounts.country)) = country_names.country_name
)

select * from final
