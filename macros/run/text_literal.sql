{#- A value as a text literal of the warehouse; `null` for none. -#}
{% macro text_literal(value) %}
    {{ return(adapter.dispatch('text_literal', 'braid')(value)) }}
{% endmacro %}

{% macro default__text_literal(value) %}
    {{ return('null' if value is none else "'" ~ (value | string | replace("'", "''")) ~ "'") }}
{% endmacro %}

{#- A backslash begins an escape there. -#}
{% macro snowflake__text_literal(value) %}
    {{ return(braid.default__text_literal(value if value is none else value | string | replace('\\', '\\\\'))) }}
{% endmacro %}
