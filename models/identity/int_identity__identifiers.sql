-- Grain: one row per record, identifier type and normalised value.
-- A value that ties nobody (malformed, blocked, over its limit) stays here with the reason, and out
-- of the links.

with

written as (
    select * from {{ ref('int_identity__written_identifiers') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

phones as (
    select * from {{ ref('int_identity__phones') }}
),

types as (
    select * from {{ ref('identifier_types') }}
),

parts as (
    select * from {{ ref('identifier_parts') }}
),

limits as (
    select
        identifier_type,
        evidence,
        most,
        nullif(window_days, 0) as window_days
    from {{ ref('identifier_limits') }}
),

email_domains as (
    select * from {{ ref('email_domains') }}
),

normalised as (
    select
        written.record_key,
        written.identifier_type,
        written.written_value,
        written.seen_at,
        case types.normaliser
            when 'email' then {{ normalised_email('written.written_value', 'email_domains') }}
            when 'phone' then phones.e164
            when 'salesforce_id' then left(written.written_value, 15)
            when 'lower' then lower(written.written_value)
            when 'code'
                then nullif(
                    {{ regexp_replace_all('lower(written.written_value)', '[^a-z0-9]') }},
                    ''
                )
            else written.written_value
        end as identifier_value
    from written
    inner join types
        on written.identifier_type = types.identifier_type
    inner join records
        on written.record_key = records.record_key
    left join phones
        on
            types.normaliser = 'phone'
            and written.written_value = phones.written_phone
            and records.phone_region = phones.region
    left join email_domains
        on
            types.normaliser = 'email'
            and {{ email_domain('written.written_value') }} = email_domains.domain
),

-- A malformed value is listed as it was written.
simple as (
    select
        record_key,
        identifier_type,
        coalesce(identifier_value, written_value) as identifier_value,
        max(case when identifier_value is null then 1 else 0 end) = 1 as is_malformed,
        min(written_value) as written_value,
        min(seen_at) as seen_at
    from normalised
    group by record_key, identifier_type, coalesce(identifier_value, written_value)
),

names as (
    select
        record_key,
        'given_name' as identifier_type,
        given_name_key as identifier_value
    from records
    where given_name_key is not null

    union all

    select
        record_key,
        'family_name' as identifier_type,
        family_name_key as identifier_value
    from records
    where family_name_key is not null
),

{{ blocked_identifiers('simple', 'names') }},

-- What a record says that is not blocked: evidence of who it is, and material of compound types.
stated as (
    select
        simple.record_key,
        simple.identifier_type,
        simple.identifier_value,
        simple.seen_at
    from simple
    left join blocked_once
        on
            simple.identifier_type = blocked_once.identifier_type
            and simple.identifier_value = blocked_once.identifier_value
    where
        not simple.is_malformed
        and blocked_once.why is null

    union all

    select
        names.record_key,
        names.identifier_type,
        names.identifier_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from names
    left join blocked_once
        on
            names.identifier_type = blocked_once.identifier_type
            and names.identifier_value = blocked_once.identifier_value
    where blocked_once.why is null
),

compound as (
    select
        first_part.identifier_type,
        first_value.record_key,
        first_value.identifier_value
        || '|' || second_value.identifier_value
        || coalesce('|' || third_value.identifier_value, '') as identifier_value,
        first_value.seen_at
    from parts as first_part
    inner join parts as second_part
        on
            first_part.identifier_type = second_part.identifier_type
            and second_part.position = 2
    left join parts as third_part
        on
            first_part.identifier_type = third_part.identifier_type
            and third_part.position = 3
    inner join stated as first_value
        on first_part.part = first_value.identifier_type
    inner join stated as second_value
        on
            second_part.part = second_value.identifier_type
            and first_value.record_key = second_value.record_key
    left join stated as third_value
        on
            third_part.part = third_value.identifier_type
            and first_value.record_key = third_value.record_key
    where
        first_part.position = 1
        and (third_part.part is null or third_value.identifier_value is not null)
),

linking as (
    select
        stated.record_key,
        stated.identifier_type,
        stated.identifier_value,
        stated.seen_at
    from stated
    inner join types
        on stated.identifier_type = types.identifier_type

    union all

    select
        record_key,
        identifier_type,
        identifier_value,
        min(seen_at) as seen_at
    from compound
    group by record_key, identifier_type, identifier_value
),

{{ values_over_limits('linking', 'stated', 'limits') }},

every as (
    select
        record_key,
        identifier_type,
        identifier_value,
        written_value,
        is_malformed
    from simple

    union all

    select distinct
        record_key,
        identifier_type,
        identifier_value,
        cast(null as {{ dbt.type_string() }}) as written_value,
        false as is_malformed
    from compound
),

final as (
    select
        every.record_key,
        every.identifier_type,
        every.identifier_value,

        every.written_value,
        case
            when every.is_malformed then 'malformed'
            when blocked_once.why is not null then 'blocked'
            when over_limit.why is not null then 'over_limit'
            else 'usable'
        end as identifier_status,
        case
            when every.is_malformed then 'not a possible ' || every.identifier_type
            else coalesce(blocked_once.why, over_limit.why)
        end as why,

        types.priority,

        -- Links and clusters go by numbers: made once, here, where the text is at hand.
        {{ node_number('every.record_key') }} as record_number,
        {{ node_number('every.identifier_type, every.identifier_value') }} as value_number
    from every
    inner join types
        on every.identifier_type = types.identifier_type
    left join blocked_once
        on
            every.identifier_type = blocked_once.identifier_type
            and every.identifier_value = blocked_once.identifier_value
    left join over_limit
        on
            every.identifier_type = over_limit.identifier_type
            and every.identifier_value = over_limit.identifier_value
)

select * from final
