{#- Schema changes of a severity that contracts/schema_changes.yml does not accept: what a test of them selects. -#}
{% macro unaccepted_schema_changes(severity) -%}
with

changes as (
    select * from {{ ref('int_ops__judged_schema_changes') }}
    where
        severity = '{{ severity }}'
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
{%- endmacro %}
