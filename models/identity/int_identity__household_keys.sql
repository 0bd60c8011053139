-- Grain: one row per customer, household rule and value that the customer has for it.
-- A value of too many customers stays, marked, and ties nobody.

with

household_values as (
    select * from {{ ref('int_identity__household_values') }}
),

parts as (
    select * from {{ ref('household_rule_parts') }}
),

rules as (
    select * from {{ ref('household_rules') }}
),

joined as (
    select distinct
        first_part.household_rule,
        first_value.customer_id,
        first_value.part_value
        || '|' || second_value.part_value
        || coalesce('|' || third_value.part_value, '') as household_value
    from parts as first_part
    inner join parts as second_part
        on
            first_part.household_rule = second_part.household_rule
            and second_part.position = 2
    left join parts as third_part
        on
            first_part.household_rule = third_part.household_rule
            and third_part.position = 3
    inner join household_values as first_value
        on first_part.part = first_value.part
    inner join household_values as second_value
        on
            second_part.part = second_value.part
            and first_value.customer_id = second_value.customer_id
    left join household_values as third_value
        on
            third_part.part = third_value.part
            and first_value.customer_id = third_value.customer_id
    where
        first_part.position = 1
        and (third_part.part is null or third_value.part_value is not null)
),

counted as (
    select
        *,
        count(*) over (partition by household_rule, household_value) as number_of_customers,
        min(customer_id) over (partition by household_rule, household_value) as hub_customer_id
    from joined
),

final as (
    select
        counted.customer_id,
        counted.hub_customer_id,

        counted.household_rule,
        counted.household_value,

        counted.number_of_customers,

        counted.number_of_customers > rules.most_customers as is_over_limit
    from counted
    inner join rules
        on counted.household_rule = rules.household_rule
)

select * from final
