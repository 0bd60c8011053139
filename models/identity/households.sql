-- Grain: one row per household, with the name and address of its oldest customer.

with

members as (
    select * from {{ ref('customer_households') }}
),

customers as (
    select * from {{ ref('customer_master') }}
),

summed as (
    select
        members.household_id,
        max(case when members.is_oldest then members.customer_id end) as oldest_customer_id,
        count(*) as number_of_customers,
        min(customers.first_seen_at) as first_seen_at,
        max(customers.last_seen_at) as last_seen_at
    from members
    inner join customers
        on members.customer_id = customers.customer_id
    group by members.household_id
),

final as (
    select
        cast(summed.household_id as {{ dbt.type_string() }}) as household_id,
        cast(summed.oldest_customer_id as {{ dbt.type_string() }}) as oldest_customer_id,

        cast(oldest.family_name as {{ dbt.type_string() }}) as family_name,
        cast(oldest.street as {{ dbt.type_string() }}) as street,
        cast(oldest.city as {{ dbt.type_string() }}) as city,
        cast(oldest.postal_code as {{ dbt.type_string() }}) as postal_code,
        cast(oldest.country as {{ dbt.type_string() }}) as country,

        cast(summed.number_of_customers as {{ dbt.type_bigint() }}) as number_of_customers,

        cast(summed.first_seen_at as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(summed.last_seen_at as {{ dbt.type_timestamp() }}) as last_seen_at
    from summed
    inner join customers as oldest
        on summed.oldest_customer_id = oldest.customer_id
)

select * from final
