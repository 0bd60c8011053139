-- Grain: one row per customer and golden field that any live record fills: where its value came
-- from, and why this one.
-- What decided is what set the value apart from the next best: the field's rule, or how a tie
-- ended.

with

offered_values as (
    select * from {{ ref('int_identity__ranked_values') }}
    where value_rank is not null
),

compared as (
    select
        *,
        max(case when value_rank = 2 then lost_on end) over (
            partition by customer_id, field
        ) as runner_up_lost_on,
        count(*) over (partition by customer_id, field) as number_of_values
    from offered_values
),

final as (
    select
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(record_key as {{ dbt.type_string() }}) as record_key,

        cast(field as {{ dbt.type_string() }}) as field,
        cast(field_value as {{ dbt.type_string() }}) as field_value,
        cast(record_source as {{ dbt.type_string() }}) as record_source,
        cast(source_system as {{ dbt.type_string() }}) as source_system,
        cast(survivorship_rule as {{ dbt.type_string() }}) as survivorship_rule,
        cast(coalesce(runner_up_lost_on, 'only_value') as {{ dbt.type_string() }}) as decided_by,

        cast(frequency as {{ dbt.type_bigint() }}) as number_of_records,
        cast(number_of_values - 1 as {{ dbt.type_bigint() }}) as number_of_lost_values,

        cast(updated_at as {{ dbt.type_timestamp() }}) as record_updated_at
    from compared
    where value_rank = 1
)

select * from final
