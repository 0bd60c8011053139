-- Grain: one row per Salesforce user or HubSpot owner: colleagues who own records, those who left
-- too.
-- The same person in both systems is two rows, with one email.

with

salesforce_users as (
    select * from {{ ref('stg_salesforce__users') }}
),

hubspot_owners as (
    select * from {{ ref('stg_hubspot__owners') }}
),

every as (
    select
        {{ record_key('salesforce', 'user', 'salesforce_user_id') }} as user_key,
        'salesforce' as source_system,
        salesforce_user_id as user_id,
        email,
        first_name,
        last_name,
        coalesce(is_active, true) and not is_deleted as is_active,
        is_deleted,
        created_at,
        updated_at
    from salesforce_users

    union all

    select
        {{ record_key('hubspot', 'owner', 'owner_id') }} as user_key,
        'hubspot' as source_system,
        owner_id as user_id,
        email,
        first_name,
        last_name,
        not is_deleted as is_active,
        is_deleted,
        created_at,
        updated_at
    from hubspot_owners
),

final as (
    select
        cast(user_key as {{ dbt.type_string() }}) as user_key,
        cast(source_system as {{ dbt.type_string() }}) as source_system,
        cast(user_id as {{ dbt.type_string() }}) as user_id,

        cast(lower(trim(email)) as {{ dbt.type_string() }}) as email,
        cast(first_name as {{ dbt.type_string() }}) as given_name,
        cast(last_name as {{ dbt.type_string() }}) as family_name,
        cast(
            case
                when first_name is null or last_name is null then coalesce(first_name, last_name)
                else first_name || ' ' || last_name
            end as {{ dbt.type_string() }}
        ) as full_name,

        is_active,
        is_deleted,

        created_at,
        updated_at
    from every
)

select * from final
