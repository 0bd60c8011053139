{#- A query with a row for each element of a JSON array: the columns `keys` of `relation`, `element_index` (from 1, in
    the array's order) and `element` (JSON text). Rows whose path holds no array give none.

    relation   name of a CTE or relation
    keys       list of its columns to carry along
    json       its column of JSON text
    path       where the array stands in it, for example products
-#}
{% macro json_array_rows(relation, keys, json, path) -%}
    {{ return(adapter.dispatch('json_array_rows', 'braid')(relation, keys, json, path)) }}
{%- endmacro %}

{% macro default__json_array_rows(relation, keys, json, path) -%}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        generate_subscripts(elements, 1) as element_index,
        cast(unnest(elements) as varchar) as element
    from (
        select
            {% for key in keys %}{{ key }}, {% endfor %}
            json_extract({{ json }}, '$.{{ path }}[*]') as elements
        from {{ relation }}
        where json_valid({{ json }})
    ) as arrays
{%- endmacro %}

{% macro snowflake__json_array_rows(relation, keys, json, path) -%}
    select
        {% for key in keys %}{{ relation }}.{{ key }}, {% endfor %}
        elements.index + 1 as element_index,
        cast(elements.value as varchar) as element
    from {{ relation }},
        lateral flatten(input => get_path(try_parse_json({{ relation }}.{{ json }}), '{{ path }}')) as elements
    where elements.index is not null
{%- endmacro %}
