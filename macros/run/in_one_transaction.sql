{#- Statements (a list, no DDL among them) that all hold or none does. dbt-duckdb runs every model in a transaction
    already; Snowflake commits each statement unless told. -#}
{% macro in_one_transaction(statements) %}
    {%- do adapter.dispatch('in_one_transaction', 'braid')(statements) -%}
{% endmacro %}

{% macro default__in_one_transaction(statements) %}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
{% endmacro %}

{% macro snowflake__in_one_transaction(statements) %}
    {%- do run_query('begin') -%}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {%- do run_query('commit') -%}
{% endmacro %}
