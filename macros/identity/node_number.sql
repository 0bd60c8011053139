{#- Number of a node by its name (SQL text): 64 bits in no order that means anything, the same within a warehouse.
    Another `salt` gives other numbers. Null has a number too; ask for none. -#}
{% macro node_number(node, salt=0) -%}
    {%- if salt -%} {{ braid.hash_number(node ~ " || '#" ~ salt ~ "'") }} {%- else -%} {{ braid.hash_number(node) }} {%- endif -%}
{%- endmacro %}

{% macro hash_number(text) -%}
    {{ return(adapter.dispatch('hash_number', 'braid')(text)) }}
{%- endmacro %}

{% macro default__hash_number(text) -%}
    hash({{ text }})
{%- endmacro %}

{#- The type is said: these numbers are stored, and a column has one that can be named. -#}
{% macro snowflake__hash_number(text) -%}
    cast(hash({{ text }}) as number(20, 0))
{%- endmacro %}
