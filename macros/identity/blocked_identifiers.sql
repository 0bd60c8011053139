{#- Common table expressions that end in `blocked_once`: one row per value that a list, a pattern or a decision keeps from
    tying anybody (identifier_type, identifier_value, why). `said` is a relation of what records say, as it was written and
    normalised, with `is_malformed`; `names` one of further types and values. -#}
{% macro blocked_identifiers(said, names) -%}
blocked_values as (
    select * from {{ ref('identifier_blocked_values') }}
),

decided_blocks as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'block'
        and is_active
),

distinct_values as (
    select distinct
        identifier_type,
        identifier_value
    from {{ said }} as said
    where not is_malformed

    union all

    select distinct
        identifier_type,
        identifier_value
    from {{ names }}
),

patterned as (
    select
        identifier_type,
        identifier_value,
        {{ blocked_pattern('identifier_type', 'lower(identifier_value)') }} as blocked_pattern
    from distinct_values
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
        identifier_type,
        identifier_value,
        'blocked pattern ' || blocked_pattern as why
    from patterned
    where blocked_pattern is not null
),

-- Whoever blocks a value has one record's spelling of it before them: it goes for all spellings.
blocked_by_decision as (
    select
        said.identifier_type,
        said.identifier_value,
        'decision ' || decided_blocks.decision_id as why
    from {{ said }} as said
    inner join decided_blocks
        on
            said.identifier_type = decided_blocks.identifier_type
            and lower(said.identifier_value) = decided_blocks.identifier_value

    union all

    select
        said.identifier_type,
        said.identifier_value,
        'decision ' || decided_blocks.decision_id as why
    from {{ said }} as said
    inner join decided_blocks
        on
            said.identifier_type = decided_blocks.identifier_type
            and lower(said.written_value) = decided_blocks.identifier_value
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
)
{%- endmacro %}
