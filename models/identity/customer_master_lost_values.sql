-- Grain: one row per customer, golden field and value of a live record that another value beat.
-- Each value stands with its best record; blocked identifiers and deleted records never competed.

with

offered_values as (
    select * from {{ ref('int_identity__ranked_values') }}
),

chosen as (
    select
        customer_id,
        field,
        field_value
    from offered_values
    where value_rank = 1
),

final as (
    select
        cast(lost.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(lost.record_key as {{ dbt.type_string() }}) as record_key,

        cast(lost.field as {{ dbt.type_string() }}) as field,
        cast(lost.field_value as {{ dbt.type_string() }}) as lost_value,
        cast(chosen.field_value as {{ dbt.type_string() }}) as chosen_value,
        cast(lost.record_source as {{ dbt.type_string() }}) as record_source,
        cast(lost.source_system as {{ dbt.type_string() }}) as source_system,
        cast(lost.survivorship_rule as {{ dbt.type_string() }}) as survivorship_rule,
        cast(lost.lost_on as {{ dbt.type_string() }}) as lost_on,

        cast(lost.value_rank as {{ dbt.type_bigint() }}) as value_rank,
        cast(lost.frequency as {{ dbt.type_bigint() }}) as number_of_records,

        cast(lost.updated_at as {{ dbt.type_timestamp() }}) as record_updated_at
    from offered_values as lost
    inner join chosen
        on
            lost.customer_id = chosen.customer_id
            and lost.field = chosen.field
    where lost.value_rank > 1
)

select * from final
