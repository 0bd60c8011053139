-- Grain: one row per customer, golden field, live record and value it offers; rank 1 survives.
-- The rule of each field is data (contracts/survivorship.yml); deleted records and blocked
-- identifiers never survive.

{{ config(materialized='view') }}

with

xref as (
    select * from {{ ref('customer_xref_current') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
    where not is_deleted
),

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where identifier_status in ('usable', 'over_limit')
),

rules as (
    select * from {{ ref('survivorship_rules') }}
),

trust as (
    select * from {{ ref('survivorship_trust') }}
),

offered as (
    -- Written as it can be mailed to, not as it is compared.
    select
        record_key,
        'email' as field,
        lower(written_value) as field_value
    from identifiers
    where identifier_type = 'email'

    union all

    select
        record_key,
        identifier_type as field,
        identifier_value as field_value
    from identifiers
    where identifier_type in ('phone', 'user_id')

    union all

    select
        records.record_key,
        rules.field,
        case rules.field
            when 'given_name' then records.given_name
            when 'family_name' then records.family_name
            when 'company' then records.company
            when 'job_title' then records.job_title
            when 'street' then records.street
            when 'city' then records.city
            when 'postal_code' then records.postal_code
            when 'country' then coalesce(records.country_code, records.country)
            when 'date_of_birth' then cast(records.date_of_birth as {{ dbt.type_string() }})
        end as field_value
    from records
    cross join rules
),

weighed as (
    select
        xref.customer_id,
        offered.field,
        offered.field_value,
        offered.record_key,
        rules.survivorship_rule,
        trust.trust_rank,
        records.updated_at,
        count(*) over (
            partition by xref.customer_id, offered.field, offered.field_value
        ) as frequency
    from offered
    inner join xref
        on offered.record_key = xref.record_key
    inner join records
        on offered.record_key = records.record_key
    inner join rules
        on offered.field = rules.field
    inner join trust
        on
            offered.field = trust.field
            and records.record_source = trust.record_source
    where offered.field_value is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, field
            order by
                case when survivorship_rule = 'most_trusted' then trust_rank end asc nulls last,
                case when survivorship_rule = 'most_frequent' then frequency end desc nulls last,
                case when survivorship_rule = 'longest' then length(field_value) end
                desc nulls last,
                case when survivorship_rule = 'smallest' then field_value end asc nulls last,
                case when survivorship_rule = 'largest' then field_value end desc nulls last,
                updated_at desc nulls last,
                trust_rank asc nulls last,
                record_key asc nulls last,
                field_value asc nulls last
        ) as survivorship_rank
    from weighed
),

final as (
    select
        customer_id,
        record_key,

        field,
        field_value,
        survivorship_rule,
        frequency,
        trust_rank,
        survivorship_rank,

        updated_at
    from ranked
)

select * from final
