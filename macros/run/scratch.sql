{#- Name of a temporary table that belongs to one model's run. -#}
{% macro scratch(model, name) %}
    {{ return(adapter.dispatch('scratch', 'braid')(model, model.identifier ~ '__' ~ name)) }}
{% endmacro %}

{#- DuckDB keeps temporary tables in a catalog of their own: no database, no schema. -#}
{% macro default__scratch(model, name) %}
    {{ return(adapter.quote(name)) }}
{% endmacro %}

{% macro snowflake__scratch(model, name) %}
    {{ return(api.Relation.create(database=model.database, schema=model.schema, identifier=name) | string) }}
{% endmacro %}

{#- Creates (or replaces) a temporary table; it ends with the session. -#}
{% macro create_scratch(name, query) %}
    {%- do run_query('create or replace temporary table ' ~ name ~ ' as (' ~ query ~ ')') -%}
{% endmacro %}

{#- The same under a name of `model`'s own, which is returned and added to `made`: drop those at the end. -#}
{% macro make_scratch(made, model, name, query) %}
    {%- set scratch = braid.scratch(model, name) -%}
    {%- do braid.create_scratch(scratch, query) -%}
    {%- do made.append(scratch) -%}
    {{ return(scratch) }}
{% endmacro %}

{% macro drop_scratch(made) %}
    {%- for scratch in made | unique -%}
        {%- do run_query('drop table if exists ' ~ scratch) -%}
    {%- endfor -%}
{% endmacro %}
