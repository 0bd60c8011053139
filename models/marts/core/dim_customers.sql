-- Grain: one row per customer, people we only know by a device among them.
-- What each value came from stands in customer_master; customers whose records are all deleted have
-- no values left.

with

customers as (
    select * from {{ ref('customer_master') }}
),

final as (
    select
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,

        cast(email as {{ dbt.type_string() }}) as email,
        cast(phone as {{ dbt.type_string() }}) as phone,
        cast(user_id as {{ dbt.type_string() }}) as user_id,
        cast(given_name as {{ dbt.type_string() }}) as given_name,
        cast(family_name as {{ dbt.type_string() }}) as family_name,
        cast(
            case
                when given_name is null or family_name is null
                    then coalesce(given_name, family_name)
                else given_name || ' ' || family_name
            end as {{ dbt.type_string() }}
        ) as full_name,
        cast(company as {{ dbt.type_string() }}) as company,
        cast(job_title as {{ dbt.type_string() }}) as job_title,
        cast(street as {{ dbt.type_string() }}) as street,
        cast(city as {{ dbt.type_string() }}) as city,
        cast(postal_code as {{ dbt.type_string() }}) as postal_code,
        cast(country as {{ dbt.type_string() }}) as country,

        cast(number_of_records as {{ dbt.type_bigint() }}) as number_of_records,
        cast(number_of_systems as {{ dbt.type_bigint() }}) as number_of_systems,

        has_live_record,
        is_identified,
        has_opted_out_of_email,

        date_of_birth,
        first_seen_at,
        last_seen_at
    from customers
)

select * from final
