{#- Number of a node by its name (SQL text): 64 bits in no order that means anything, the same within a warehouse.
    Another `salt` gives other numbers. Null has a number too; ask for none. -#}
{% macro node_number(node, salt=0) -%}
    {%- if salt -%} hash({{ node }} || '#{{ salt }}') {%- else -%} hash({{ node }}) {%- endif -%}
{%- endmacro %}
