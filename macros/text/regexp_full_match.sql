{#- Whether `pattern` (SQL: a literal or a column) matches the whole text; null when either is null. -#}
{% macro regexp_full_match(text, pattern) -%}
    {{ return(adapter.dispatch('regexp_full_match', 'braid')(text, pattern)) }}
{%- endmacro %}

{% macro default__regexp_full_match(text, pattern) -%} regexp_full_match({{ text }}, {{ pattern }}) {%- endmacro %}

{#- https://docs.snowflake.com/en/sql-reference/functions/regexp_like: anchored at both ends. -#}
{% macro snowflake__regexp_full_match(text, pattern) -%} regexp_like({{ text }}, {{ pattern }}) {%- endmacro %}
