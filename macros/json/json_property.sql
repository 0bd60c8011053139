{#- The value of a property of a JSON text whose name is a column: `json_property('properties', 'steps.property_name')`, as
    text. Null when the text is null or no JSON, it has no such property, or the value is null. Where the name is known,
    json_text is for it. -#}
{% macro json_property(json, name) -%}
    {{ return(adapter.dispatch('json_property', 'braid')(json, name)) }}
{%- endmacro %}

{% macro default__json_property(json, name) -%}
    case
        when json_valid({{ json }})
            then json_extract_string({{ json }}, '$."' || replace({{ name }}, '"', '') || '"')
    end
{%- endmacro %}

{% macro snowflake__json_property(json, name) -%}
    cast(get(try_parse_json({{ json }}), {{ name }}) as varchar)
{%- endmacro %}
