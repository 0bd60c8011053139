-- Grain: one row per customer, golden field, and live record with its value for it, best first.
-- The rule of each field is data (contracts/survivorship.yml); deleted records and blocked
-- identifiers are not asked. Records agree on a name however they spell it; the spelling most of
-- them use is theirs.

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
        records.record_source,
        records.source_system,
        rules.survivorship_rule,
        trust.trust_rank,
        records.updated_at,
        case
            when offered.field in ('given_name', 'family_name')
                then coalesce({{ normalised_name('offered.field_value') }}, offered.field_value)
            else lower(offered.field_value)
        end as value_key
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

asked as (
    select
        *,
        count(*) over (partition by customer_id, field) as offers
    from weighed
),

counted as (
    select
        *,
        count(*) over (partition by customer_id, field, value_key) as key_frequency,
        count(*) over (partition by customer_id, field, field_value) as frequency
    from asked
    where offers > 1
),

-- Places, 1 for the best: equal places are ties, which the next criterion decides.
placed as (
    select
        *,
        dense_rank() over (
            partition by customer_id, field
            order by
                case when survivorship_rule = 'most_recent' then updated_at end desc nulls last,
                case when survivorship_rule = 'most_trusted' then trust_rank end asc nulls last,
                case when survivorship_rule = 'most_frequent' then key_frequency end
                desc nulls last,
                case when survivorship_rule = 'most_frequent' then frequency end desc nulls last,
                case when survivorship_rule = 'longest' then length(field_value) end
                desc nulls last,
                case when survivorship_rule = 'smallest' then field_value end asc nulls last,
                case when survivorship_rule = 'largest' then field_value end desc nulls last
        ) as rule_place,
        dense_rank() over (
            partition by customer_id, field
            order by updated_at desc nulls last
        ) as recency_place
    from counted
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, field
            order by
                rule_place asc,
                recency_place asc,
                trust_rank asc,
                record_key asc,
                field_value asc
        ) as survivorship_rank,
        row_number() over (
            partition by customer_id, field, field_value
            order by rule_place asc, recency_place asc, trust_rank asc, record_key asc
        ) as record_rank
    from placed
),

beside_the_best as (
    select
        *,
        row_number() over (
            partition by customer_id, field, case when record_rank = 1 then 1 else 0 end
            order by survivorship_rank asc
        ) as value_rank,
        max(case when survivorship_rank = 1 then field_value end) over (
            partition by customer_id, field
        ) as best_value,
        max(case when survivorship_rank = 1 then recency_place end) over (
            partition by customer_id, field
        ) as best_recency_place,
        max(case when survivorship_rank = 1 then trust_rank end) over (
            partition by customer_id, field
        ) as best_trust_rank
    from ranked
),

final as (
    select
        customer_id,
        record_key,

        field,
        field_value,
        record_source,
        source_system,
        survivorship_rule,
        case
            when field_value = best_value then null
            when rule_place > 1 then survivorship_rule
            when recency_place > best_recency_place then 'most_recent'
            when trust_rank > best_trust_rank then 'most_trusted'
            else 'lower_key'
        end as lost_on,

        frequency,
        trust_rank,
        survivorship_rank,
        case when record_rank = 1 then value_rank end as value_rank,

        updated_at
    from beside_the_best

    union all

    -- Most have one value to choose from: it needs no place among others.
    select
        customer_id,
        record_key,

        field,
        field_value,
        record_source,
        source_system,
        survivorship_rule,
        cast(null as {{ dbt.type_string() }}) as lost_on,

        1 as frequency,
        trust_rank,
        1 as survivorship_rank,
        1 as value_rank,

        updated_at
    from asked
    where offers = 1
)

select * from final
