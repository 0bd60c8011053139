{#- Number of a visitor by their key (SQL text): 64 bits in no order that means anything, the same within a warehouse.
    On Snowflake of a type that can be named, which a unit test has to: a stand-in's hash is of another than Snowflake's. -#}
{% macro visitor_number(key) -%}
    {{ return(adapter.dispatch('visitor_number', 'braid')(key)) }}
{%- endmacro %}

{% macro default__visitor_number(key) -%}
    {{ braid.node_number(key) }}
{%- endmacro %}

{% macro snowflake__visitor_number(key) -%}
    cast({{ braid.node_number(key) }} as number(38, 0))
{%- endmacro %}
