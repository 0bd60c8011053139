{#- Number of a visitor by their key (SQL text), as messages have one: it is kept, so it must not change with the
    warehouse's version, which its own hash function may. -#}
{% macro visitor_number(key) -%}
    {{ return(braid.message_number(key)) }}
{%- endmacro %}
