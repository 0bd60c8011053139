-- Grain: one row per customer, people we only know by a device among them.
-- What each value came from stands in customer_master; customers whose records are all deleted have
-- no values left.

with

customers as (
    select * from {{ ref('customer_master') }}
),

members as (
    select * from {{ ref('customer_households') }}
),

final as (
    select
        cast(customers.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(members.household_id as {{ dbt.type_string() }}) as household_id,

        cast(customers.email as {{ dbt.type_string() }}) as email,
        cast(customers.phone as {{ dbt.type_string() }}) as phone,
        cast(customers.user_id as {{ dbt.type_string() }}) as user_id,
        cast(customers.given_name as {{ dbt.type_string() }}) as given_name,
        cast(customers.family_name as {{ dbt.type_string() }}) as family_name,
        cast(
            case
                when customers.given_name is null or customers.family_name is null
                    then coalesce(customers.given_name, customers.family_name)
                else customers.given_name || ' ' || customers.family_name
            end as {{ dbt.type_string() }}
        ) as full_name,
        cast(customers.company as {{ dbt.type_string() }}) as company,
        cast(customers.job_title as {{ dbt.type_string() }}) as job_title,
        cast(customers.street as {{ dbt.type_string() }}) as street,
        cast(customers.city as {{ dbt.type_string() }}) as city,
        cast(customers.postal_code as {{ dbt.type_string() }}) as postal_code,
        cast(customers.country as {{ dbt.type_string() }}) as country,

        cast(customers.number_of_records as {{ dbt.type_bigint() }}) as number_of_records,
        cast(customers.number_of_systems as {{ dbt.type_bigint() }}) as number_of_systems,

        customers.has_live_record,
        customers.is_identified,
        customers.has_opted_out_of_email,

        customers.date_of_birth,
        customers.first_seen_at,
        customers.last_seen_at
    from customers
    left join members
        on customers.customer_id = members.customer_id
)

select * from final
