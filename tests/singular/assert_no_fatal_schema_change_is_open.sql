-- Harm: a column that others count on is gone or means something else, and its owner learns it
-- from a wrong number. Put right what builds on it, then say so: `accepted` in
-- contracts/schema_changes.yml.

with

changes as (
    select * from {{ ref('int_ops__judged_schema_changes') }}
    where
        severity = 'fatal'
        and not is_accepted
),

final as (
    select
        source,
        object,
        column_name as field,
        change,
        old_type,
        new_type,
        noticed_at
    from changes
)

select * from final
