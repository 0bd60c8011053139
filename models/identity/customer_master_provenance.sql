-- Grain: one row per customer and golden field that any live record fills: where its value came
-- from, and why this one.
-- What decided is what set the value apart from the next best: the field's rule, or how a tie
-- ended.

with

offered_values as (
    select * from {{ ref('int_identity__ranked_values') }}
    where value_rank is not null
),

-- Few fields have a second value: only they are put together.
lost_values as (
    select
        customer_id,
        field,
        max(case when value_rank = 2 then lost_on end) as runner_up_lost_on,
        count(*) as number_of_lost_values
    from offered_values
    where value_rank > 1
    group by customer_id, field
),

final as (
    select
        cast(chosen.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(chosen.record_key as {{ dbt.type_string() }}) as record_key,

        cast(chosen.field as {{ dbt.type_string() }}) as field,
        cast(chosen.field_value as {{ dbt.type_string() }}) as field_value,
        cast(chosen.record_source as {{ dbt.type_string() }}) as record_source,
        cast(chosen.source_system as {{ dbt.type_string() }}) as source_system,
        cast(chosen.survivorship_rule as {{ dbt.type_string() }}) as survivorship_rule,
        cast(
            coalesce(lost_values.runner_up_lost_on, 'only_value') as {{ dbt.type_string() }}
        ) as decided_by,

        cast(chosen.frequency as {{ dbt.type_bigint() }}) as number_of_records,
        cast(
            coalesce(lost_values.number_of_lost_values, 0) as {{ dbt.type_bigint() }}
        ) as number_of_lost_values,

        cast(chosen.updated_at as {{ dbt.type_timestamp() }}) as record_updated_at
    from offered_values as chosen
    left join lost_values
        on
            chosen.customer_id = lost_values.customer_id
            and chosen.field = lost_values.field
    where chosen.value_rank = 1
)

select * from final
