-- Grain: one row per change of a source's columns and run that noticed it.
-- The first rule of contracts/schema_changes.yml that fits decides; that for all the rest is last.

with

changes as (
    select * from {{ source('ops', 'schema_changes') }}
    -- A table that is made is the doing of whoever extracts, not of the source.
    where
        column_name is not null
        and change <> 'table_created'
),

rules as (
    select * from {{ ref('schema_change_rules') }}
),

fitting as (
    select
        changes.source,
        changes.object,
        changes.column_name,
        changes.change,
        changes.old_type,
        changes.new_type,
        changes.run_id,
        changes.noticed_at,
        rules.severity,
        rules.rule_rank,
        min(rules.rule_rank) over (
            partition by
                changes.source,
                changes.object,
                changes.column_name,
                changes.change,
                changes.run_id
        ) as first_rule_rank,
        coalesce(
            lower(changes.column_name) like rules.accepted_field_pattern escape '!'
            and cast(changes.noticed_at as date) <= rules.accepted_until,
            false
        ) as is_accepted
    from changes
    inner join rules
        on
            changes.change = rules.change
            and lower(changes.source) like rules.source_pattern escape '!'
            and lower(changes.object) like rules.object_pattern escape '!'
            and lower(changes.column_name) like rules.field_pattern escape '!'
),

final as (
    select
        source,
        object,
        column_name,
        change,
        old_type,
        new_type,
        run_id,
        noticed_at,
        severity,
        max(case when is_accepted then 1 else 0 end) = 1 as is_accepted
    from fitting
    where rule_rank = first_rule_rank
    group by
        source, object, column_name, change, old_type, new_type, run_id, noticed_at, severity
)

select * from final
