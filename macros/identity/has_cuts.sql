{#- Whether any cut was ever recorded; asked while the model compiles, so that it need not read what it has no use for.
    A unit test says so itself: `overrides: {macros: {has_cuts: true}}`. -#}
{% macro has_cuts() %}
    {%- set decisions = source('ops', 'identity_decisions') -%}
    {%- if not execute
        or adapter.get_relation(decisions.database, decisions.schema, decisions.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(braid.first_value("select count(*) from " ~ decisions ~ " where kind = 'cut'") > 0) }}
{% endmacro %}
