{#- Every match of `pattern` replaced (by nothing, unless told); null for null. Patterns have no backslash, which string
    literals of the two warehouses read differently. -#}
{% macro regexp_replace_all(text, pattern, replacement='') -%}
    {{ return(adapter.dispatch('regexp_replace_all', 'braid')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regexp_replace_all(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}

{#- https://docs.snowflake.com/en/sql-reference/functions/regexp_replace: all occurrences by default. -#}
{% macro snowflake__regexp_replace_all(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}')
{%- endmacro %}
