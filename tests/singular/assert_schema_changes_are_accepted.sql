-- Harm: a source drifts bit by bit, and nobody has ever looked. A warning, until somebody says in
-- contracts/schema_changes.yml that the change is seen to, or that such changes may be ignored.

{{ config(severity='warn') }}

with

changes as (
    select * from {{ ref('int_ops__judged_schema_changes') }}
    where
        severity = 'warn'
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
