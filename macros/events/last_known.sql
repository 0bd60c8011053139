{#- The last value of an expression that is not null, as a window function still to be given its `over (...)`. -#}
{% macro last_known(expression) -%}
    {{ return(adapter.dispatch('last_known', 'braid')(expression)) }}
{%- endmacro %}

{% macro default__last_known(expression) -%}
    last_value({{ expression }} ignore nulls)
{%- endmacro %}

{% macro snowflake__last_known(expression) -%}
    last_value({{ expression }}) ignore nulls
{%- endmacro %}
