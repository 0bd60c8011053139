{#- A value as a text literal of the warehouse; `null` for none. -#}
{% macro text_literal(value) %}
    {{ return('null' if value is none else "'" ~ (
        value | string | replace("'", "''") | replace('\\', braid.backslash_in_text())
    ) ~ "'") }}
{% endmacro %}

{#- How a text literal has a backslash. -#}
{% macro backslash_in_text() %}
    {{ return(adapter.dispatch('backslash_in_text', 'braid')()) }}
{% endmacro %}

{% macro default__backslash_in_text() %}
    {{ return('\\') }}
{% endmacro %}

{#- It begins an escape there. -#}
{% macro snowflake__backslash_in_text() %}
    {{ return('\\\\') }}
{% endmacro %}
