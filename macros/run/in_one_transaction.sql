{#- Statements (a list, no DDL among them) that all hold or none does. To be called by a materialization, which commits
    at its end. On DuckDB dbt opens a transaction with the first statement, unless one is open already, and rolls it back
    when the model fails; run_query would not open one. Snowflake commits each statement unless told. -#}
{% macro in_one_transaction(statements) %}
    {%- do adapter.dispatch('in_one_transaction', 'braid')(statements) -%}
{% endmacro %}

{% macro default__in_one_transaction(statements) %}
    {%- for statement_of_all in statements -%}
        {%- call statement('one_of_all', auto_begin=true) -%}
            {{ statement_of_all }}
        {%- endcall -%}
    {%- endfor -%}
{% endmacro %}

{% macro snowflake__in_one_transaction(statements) %}
    {%- do run_query('begin') -%}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {%- do run_query('commit') -%}
{% endmacro %}
