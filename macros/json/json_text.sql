{#- The value at a path of a JSON text, as text: `json_text('properties', 'order_id')`, `json_text('context', 'page.url')`.
    Null when the text is null or no JSON, the path is absent, or the value is null; objects and arrays as JSON text. -#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text', 'braid')(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    case when json_valid({{ json }}) then json_extract_string({{ json }}, '$.{{ path }}') end
{%- endmacro %}

{% macro snowflake__json_text(json, path) -%}
    cast(get_path(try_parse_json({{ json }}), '{{ path }}') as varchar)
{%- endmacro %}
