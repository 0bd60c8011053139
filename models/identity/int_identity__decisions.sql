-- Grain: one row per decision that somebody recorded, in the order they were made.
-- An undo is a row of its own and speaks of what the decision it undoes spoke of. A record that
-- another has taken over is spoken of by the other's key.

{{ config(materialized='view') }}

with

decisions as (
    select * from {{ source('ops', 'identity_decisions') }}
),

moved_records as (
    select * from {{ ref('int_identity__moved_records') }}
),

undone as (
    select distinct undoes from decisions
    where kind = 'undo'
),

final as (
    select
        decisions.decision_id,
        coalesce(moved_a.successor_key, targets.record_key_a, decisions.record_key_a)
            as record_key_a,
        coalesce(moved_b.successor_key, targets.record_key_b, decisions.record_key_b)
            as record_key_b,
        decisions.undoes,

        decisions.kind,
        coalesce(targets.identifier_type, decisions.identifier_type) as identifier_type,
        lower(trim(coalesce(targets.identifier_value, decisions.identifier_value)))
            as identifier_value,
        decisions.allows,
        decisions.why,
        decisions.decided_by,

        row_number() over (
            order by decisions.decided_at asc nulls first, decisions.decision_id asc
        ) as decision_number,

        decisions.kind <> 'undo' and undone.undoes is null as is_active,

        decisions.decided_at
    from decisions
    left join decisions as targets
        on
            decisions.kind = 'undo'
            and decisions.undoes = targets.decision_id
    left join moved_records as moved_a
        on coalesce(targets.record_key_a, decisions.record_key_a) = moved_a.record_key
    left join moved_records as moved_b
        on coalesce(targets.record_key_b, decisions.record_key_b) = moved_b.record_key
    left join undone
        on decisions.decision_id = undone.undoes
)

select * from final
