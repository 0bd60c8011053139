{#- Schemas are the same on every target: `staging`, `identity`, `marts`, `snapshots`, `contracts`. dbt's own rule would
    put the profile's schema before each; environments are kept apart by database (or DuckDB file) instead, or by the
    var `schema_prefix`. Without a custom schema a node goes to the profile's schema. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- else -%}
        {{ var('schema_prefix') ~ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
