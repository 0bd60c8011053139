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

-- Joined first: whoever asks for one customer then pays for that one.
members as (
    select
        xref.customer_id,
        records.*
    from xref
    inner join records
        on xref.record_key = records.record_key
),

offered as (
    select
        members.customer_id,
        members.record_key,
        members.record_source,
        members.updated_at,
        identifiers.identifier_type as field,
        -- Written as it can be mailed to, not as it is compared.
        case
            when identifiers.identifier_type = 'email' then lower(identifiers.written_value)
            else identifiers.identifier_value
        end as field_value
    from members
    inner join identifiers
        on members.record_key = identifiers.record_key
    where identifiers.identifier_type in ('email', 'phone', 'user_id')

    union all

    select
        members.customer_id,
        members.record_key,
        members.record_source,
        members.updated_at,
        rules.field,
        case rules.field
            when 'given_name' then members.given_name
            when 'family_name' then members.family_name
            when 'company' then members.company
            when 'job_title' then members.job_title
            when 'street' then members.street
            when 'city' then members.city
            when 'postal_code' then members.postal_code
            when 'country' then coalesce(members.country_code, members.country)
            when 'date_of_birth' then cast(members.date_of_birth as {{ dbt.type_string() }})
        end as field_value
    from members
    cross join rules
),

weighed as (
    select
        offered.customer_id,
        offered.field,
        offered.field_value,
        offered.record_key,
        rules.survivorship_rule,
        trust.trust_rank,
        offered.updated_at,
        count(*) over (
            partition by offered.customer_id, offered.field, offered.field_value
        ) as frequency
    from offered
    inner join rules
        on offered.field = rules.field
    inner join trust
        on
            offered.field = trust.field
            and offered.record_source = trust.record_source
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
