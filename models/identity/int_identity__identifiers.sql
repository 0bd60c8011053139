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

blocked_values as (
    select * from {{ ref('identifier_blocked_values') }}
),

blocked_patterns as (
    select * from {{ ref('identifier_blocked_patterns') }}
),

decided_blocks as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'block'
        and is_active
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

distinct_values as (
    select distinct
        identifier_type,
        identifier_value
    from simple
    where not is_malformed

    union all

    select distinct
        identifier_type,
        identifier_value
    from names
),

blocked as (
    select
        distinct_values.identifier_type,
        distinct_values.identifier_value,
        'blocked value' as why
    from distinct_values
    inner join blocked_values
        on
            distinct_values.identifier_type = blocked_values.identifier_type
            and lower(distinct_values.identifier_value) = blocked_values.blocked_value

    union all

    select
        distinct_values.identifier_type,
        distinct_values.identifier_value,
        'blocked pattern ' || blocked_patterns.blocked_pattern as why
    from distinct_values
    inner join blocked_patterns
        on
            distinct_values.identifier_type = blocked_patterns.identifier_type
            and {{ regexp_full_match(
                'lower(distinct_values.identifier_value)',
                'blocked_patterns.blocked_pattern'
            ) }}
),

-- Whoever blocks a value has one record's spelling of it before them: it goes for all spellings.
blocked_by_decision as (
    select
        simple.identifier_type,
        simple.identifier_value,
        'decision ' || decided_blocks.decision_id as why
    from simple
    inner join decided_blocks
        on
            simple.identifier_type = decided_blocks.identifier_type
            and lower(simple.identifier_value) = decided_blocks.identifier_value

    union all

    select
        simple.identifier_type,
        simple.identifier_value,
        'decision ' || decided_blocks.decision_id as why
    from simple
    inner join decided_blocks
        on
            simple.identifier_type = decided_blocks.identifier_type
            and lower(simple.written_value) = decided_blocks.identifier_value
),

every_blocked as (
    select
        identifier_type,
        identifier_value,
        why
    from blocked

    union all

    select
        identifier_type,
        identifier_value,
        why
    from blocked_by_decision
),

blocked_once as (
    select
        identifier_type,
        identifier_value,
        min(why) as why
    from every_blocked
    group by identifier_type, identifier_value
),

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

too_many_records as (
    select
        linking.identifier_type,
        linking.identifier_value,
        limits.most,
        limits.window_days,
        count(*) || ' records (limit ' || limits.most || ')' as why
    from linking
    inner join limits
        on
            linking.identifier_type = limits.identifier_type
            and limits.evidence = 'records'
    group by
        linking.identifier_type,
        linking.identifier_value,
        limits.most,
        limits.window_days
    having count(*) > limits.most
),

too_many_people as (
    select
        linking.identifier_type,
        linking.identifier_value,
        count(distinct stated.identifier_value) || ' different ' || limits.evidence
        || ' (limit ' || limits.most || ')' as why
    from linking
    inner join limits
        on linking.identifier_type = limits.identifier_type
    inner join stated
        on
            limits.evidence = stated.identifier_type
            and linking.record_key = stated.record_key
    group by linking.identifier_type, linking.identifier_value, limits.evidence, limits.most
    having count(distinct stated.identifier_value) > limits.most
),

crowded_records as (
    select
        linking.identifier_type,
        linking.record_key,
        limits.most,
        limits.window_days,
        'its record carries ' || count(*) || ' (limit ' || limits.most || ')' as why
    from linking
    inner join limits
        on
            linking.identifier_type = limits.identifier_type
            and limits.evidence = 'per_record'
    group by
        linking.identifier_type,
        linking.record_key,
        limits.most,
        limits.window_days
    having count(*) > limits.most
),

-- Limits within a window are for those who are over them at all. What says no moment counts as seen
-- at one and the same.
seen as (
    select
        'records' as evidence,
        linking.identifier_type,
        linking.identifier_value as counted_for,
        linking.record_key as counted,
        coalesce(linking.seen_at, cast('1970-01-01' as {{ dbt.type_timestamp() }})) as seen_at,
        too_many_records.most,
        too_many_records.window_days
    from linking
    inner join too_many_records
        on
            linking.identifier_type = too_many_records.identifier_type
            and linking.identifier_value = too_many_records.identifier_value
    where too_many_records.window_days is not null

    union all

    select
        'per_record' as evidence,
        linking.identifier_type,
        linking.record_key as counted_for,
        linking.identifier_value as counted,
        coalesce(linking.seen_at, cast('1970-01-01' as {{ dbt.type_timestamp() }})) as seen_at,
        crowded_records.most,
        crowded_records.window_days
    from linking
    inner join crowded_records
        on
            linking.identifier_type = crowded_records.identifier_type
            and linking.record_key = crowded_records.record_key
    where crowded_records.window_days is not null
),

in_order as (
    select
        *,
        row_number() over (
            partition by evidence, identifier_type, counted_for
            order by seen_at asc, counted asc
        ) as place
    from seen
),

-- What stands `most` places further on came within the window: they are `most` + 1.
crowded_windows as (
    select distinct
        earlier.evidence,
        earlier.identifier_type,
        earlier.counted_for,
        earlier.most,
        earlier.window_days
    from in_order as earlier
    inner join in_order as later
        on
            earlier.evidence = later.evidence
            and earlier.identifier_type = later.identifier_type
            and earlier.counted_for = later.counted_for
            and earlier.place + earlier.most = later.place
    where
        later.seen_at < {{ dbt.dateadd('day', 'earlier.window_days', 'earlier.seen_at') }}
),

crowds as (
    select
        'records' as evidence,
        identifier_type,
        identifier_value as counted_for,
        why
    from too_many_records
    where window_days is null

    union all

    select
        'per_record' as evidence,
        identifier_type,
        record_key as counted_for,
        why
    from crowded_records
    where window_days is null

    union all

    select
        evidence,
        identifier_type,
        counted_for,
        case evidence
            when 'records' then 'more than ' || most || ' records within '
            else 'its record came by more than ' || most || ' within '
        end || window_days || ' days' as why
    from crowded_windows
),

reasons as (
    select
        identifier_type,
        counted_for as identifier_value,
        why
    from crowds
    where evidence = 'records'

    union all

    select
        identifier_type,
        identifier_value,
        why
    from too_many_people

    union all

    -- All values of a crowded record are set aside, for everyone who shares them.
    select distinct
        linking.identifier_type,
        linking.identifier_value,
        crowds.why
    from linking
    inner join crowds
        on
            linking.identifier_type = crowds.identifier_type
            and linking.record_key = crowds.counted_for
    where crowds.evidence = 'per_record'
),

over_limit as (
    select
        identifier_type,
        identifier_value,
        {{ dbt.listagg('why', "'; '", 'order by why asc') }} as why
    from reasons
    group by identifier_type, identifier_value
),

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

        types.priority
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
