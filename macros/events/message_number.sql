{#- Number of a message by its id (SQL text): the first 64 bits of its MD5, as a number on DuckDB, as hex digits on Snowflake;
    in the same order on both. Calls of one visitor and one moment stand in that order, so that the first of a session is
    the same one everywhere. Null for null. -#}
{% macro message_number(message_id) -%}
    {{ return(adapter.dispatch('message_number', 'braid')(message_id)) }}
{%- endmacro %}

{% macro default__message_number(message_id) -%}
    cast('0x' || left(md5({{ message_id }}), 16) as ubigint)
{%- endmacro %}

{% macro snowflake__message_number(message_id) -%}
    left(md5({{ message_id }}), 16)
{%- endmacro %}
