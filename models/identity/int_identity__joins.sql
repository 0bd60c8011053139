-- Grain: one row per pair of records that somebody decided are one customer's.
-- A pair of which a record is gone ties nobody until it is back. A table: several models read it,
-- and each would go through all records for it.

with

decisions as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'join'
        and is_active
),

-- Of all records only those that are spoken of.
records as (
    select record_key from {{ ref('int_identity__records') }}
    where
        record_key in (
            select decisions.record_key_a from decisions

            union all

            select decisions.record_key_b from decisions
        )
),

final as (
    select
        least(decisions.record_key_a, decisions.record_key_b) as record_key_a,
        greatest(decisions.record_key_a, decisions.record_key_b) as record_key_b,
        min(decisions.decision_id) as decision_id
    from decisions
    inner join records as records_a
        on decisions.record_key_a = records_a.record_key
    inner join records as records_b
        on decisions.record_key_b = records_b.record_key
    where decisions.record_key_a <> decisions.record_key_b
    group by
        least(decisions.record_key_a, decisions.record_key_b),
        greatest(decisions.record_key_a, decisions.record_key_b)
)

select * from final
