{#- SHA-256 of a text as 64 lower-case hex digits; null for null. -#}
{% macro sha256_hex(text) -%}
    {{ return(adapter.dispatch('sha256_hex', 'braid')(text)) }}
{%- endmacro %}

{% macro default__sha256_hex(text) -%} sha256({{ text }}) {%- endmacro %}

{% macro snowflake__sha256_hex(text) -%} sha2({{ text }}, 256) {%- endmacro %}
