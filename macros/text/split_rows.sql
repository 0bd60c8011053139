{#- A query with a row for each part of a separated text: the columns `keys` of `relation` and `part`, trimmed. Empty
    parts and null texts give no row. -#}
{% macro split_rows(relation, keys, text, separator) -%}
    {{ return(adapter.dispatch('split_rows', 'braid')(relation, keys, text, separator)) }}
{%- endmacro %}

{% macro default__split_rows(relation, keys, text, separator) -%}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        trim(part) as part
    from (
        select
            {% for key in keys %}{{ key }}, {% endfor %}
            unnest(string_split({{ text }}, '{{ separator }}')) as part
        from {{ relation }}
    ) as parts
    where trim(part) <> ''
{%- endmacro %}

{% macro snowflake__split_rows(relation, keys, text, separator) -%}
    select
        {% for key in keys %}{{ relation }}.{{ key }}, {% endfor %}
        trim(cast(parts.value as varchar)) as part
    from {{ relation }},
        lateral flatten(input => split({{ relation }}.{{ text }}, '{{ separator }}')) as parts
    where trim(cast(parts.value as varchar)) <> ''
{%- endmacro %}
