-- Grain: one row per customer of whom a household can be told; who lives alone is a household of
-- one.
-- The household's id goes with its oldest customer, the one issued first: whoever moves in or out
-- later leaves it as it is.

with

household_groups as (
    select * from {{ ref('int_identity__household_groups') }}
),

household_keys as (
    select * from {{ ref('int_identity__household_keys') }}
    where
        number_of_customers > 1
        and not is_over_limit
),

-- How old an id is stands in the ledger and never changes.
issued as (
    select * from {{ ref('customer_ids') }}
    where change_type in ('minted', 'split')
),

aged as (
    select
        household_groups.customer_id,
        household_groups.group_key,
        row_number() over (
            partition by household_groups.group_key
            order by
                issued.change_number asc nulls last,
                issued.anchor_created_at asc nulls last,
                household_groups.customer_id asc
        ) as age_rank,
        count(*) over (partition by household_groups.group_key) as number_of_customers
    from household_groups
    left join issued
        on household_groups.customer_id = issued.customer_id
),

oldest as (
    select
        group_key,
        customer_id as oldest_customer_id
    from aged
    where age_rank = 1
),

shared_rules as (
    select
        customer_id,
        {{ dbt.listagg('household_rule', "', '", 'order by household_rule asc') }} as shared_by
    from (
        select distinct
            customer_id,
            household_rule
        from household_keys
    ) as distinct_rules
    group by customer_id
),

final as (
    select
        cast(aged.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast({{ household_id('oldest.oldest_customer_id') }} as {{ dbt.type_string() }})
            as household_id,

        cast(shared_rules.shared_by as {{ dbt.type_string() }}) as shared_by,

        cast(aged.number_of_customers as {{ dbt.type_bigint() }}) as number_of_customers,

        aged.age_rank = 1 as is_oldest
    from aged
    inner join oldest
        on aged.group_key = oldest.group_key
    left join shared_rules
        on aged.customer_id = shared_rules.customer_id
)

select * from final
