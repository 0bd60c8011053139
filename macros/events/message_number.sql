{#- Number of a message by its id (SQL text): the lower 64 bits of its MD5, the same on every warehouse. Calls of one visitor
    and one moment stand in its order, so that the first of a session is the same one everywhere. Null for null. -#}
{% macro message_number(message_id) -%}
    {{ return(adapter.dispatch('message_number', 'braid')(message_id)) }}
{%- endmacro %}

{% macro default__message_number(message_id) -%}
    cast('0x' || right(md5({{ message_id }}), 16) as ubigint)
{%- endmacro %}

{% macro snowflake__message_number(message_id) -%}
    md5_number_lower64({{ message_id }})
{%- endmacro %}
