-- Grain: one row per identifier value that ties nobody: malformed, blocked or over a limit.
-- The list for people. A value many customers share says most about what to block or to allow.

with

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where identifier_status <> 'usable'
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

final as (
    select
        cast(identifiers.identifier_type as {{ dbt.type_string() }}) as identifier_type,
        cast(identifiers.identifier_value as {{ dbt.type_string() }}) as identifier_value,

        cast(identifiers.identifier_status as {{ dbt.type_string() }}) as identifier_status,
        cast(min(identifiers.why) as {{ dbt.type_string() }}) as why,
        cast(min(identifiers.record_key) as {{ dbt.type_string() }}) as example_record_key,

        cast(count(*) as {{ dbt.type_bigint() }}) as number_of_records,
        cast(count(distinct xref.customer_id) as {{ dbt.type_bigint() }}) as number_of_customers
    from identifiers
    left join xref
        on identifiers.record_key = xref.record_key
    group by
        identifiers.identifier_type,
        identifiers.identifier_value,
        identifiers.identifier_status
)

select * from final
