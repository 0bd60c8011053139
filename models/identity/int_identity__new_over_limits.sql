-- Grain: one row per value that is over a limit, and was not in any graph that was published.
-- A table: the book it is compared with is written later in the same build.

with

flagged as (
    select * from {{ ref('int_identity__flagged_identifiers') }}
    where identifier_status = 'over_limit'
),

known as (
    select * from {{ previous_identity_over_limits() }} as identity_over_limits
),

hashed as (
    select
        identifier_type,
        identifier_value,
        {{ sha256_hex('identifier_value') }} as value_hash,
        why,
        number_of_records
    from flagged
),

final as (
    select
        hashed.identifier_type,
        hashed.identifier_value,
        hashed.value_hash,
        hashed.why,
        hashed.number_of_records
    from hashed
    left join known
        on
            hashed.identifier_type = known.identifier_type
            and hashed.value_hash = known.value_hash
    where known.value_hash is null
)

select * from final
