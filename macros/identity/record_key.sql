{#- Key of a source record across all systems: `system:object:id`, null when the id is. `id` is SQL. -#}
{% macro record_key(system, object, id) -%}
    '{{ system }}:{{ object }}:' || {{ id }}
{%- endmacro %}
