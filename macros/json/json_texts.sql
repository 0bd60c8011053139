{#- Several values of a JSON text read in one go: `json_texts(json, paths)` is a column to make in a CTE, and
    `json_texts_at(column, paths, path)` the text at one of those paths afterwards, as json_text would give it. Reading a
    long text once instead of once a value is most of the cost of typing events. Null where json_text is null. -#}
{% macro json_texts(json, paths) -%}
    {{ return(adapter.dispatch('json_texts', 'braid')(json, paths)) }}
{%- endmacro %}

{% macro default__json_texts(json, paths) -%}
    try(json_extract_string({{ json }}, ['$.{{ paths | join("', '$.") }}']))
{%- endmacro %}

{% macro snowflake__json_texts(json, paths) -%}
    try_parse_json({{ json }})
{%- endmacro %}

{% macro json_texts_at(column, paths, path) -%}
    {%- if path not in paths -%}
        {{ exceptions.raise_compiler_error("json_texts_at is asked for " ~ path ~ ", which is none of " ~ paths | join(', ') ~ ".") }}
    {%- endif -%}
    {{ return(adapter.dispatch('json_texts_at', 'braid')(column, paths, path)) }}
{%- endmacro %}

{% macro default__json_texts_at(column, paths, path) -%}
    {{ column }}[{{ paths.index(path) + 1 }}]
{%- endmacro %}

{% macro snowflake__json_texts_at(column, paths, path) -%}
    cast(get_path({{ column }}, '{{ path }}') as varchar)
{%- endmacro %}
