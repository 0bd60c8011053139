{#- Id of the customer whose earliest record is `anchor` (SQL, a record key): the same on every rebuild and warehouse.
    The namespace keeps the ids of two companies apart; it must not change once ids are in use. -#}
{% macro customer_id(anchor) -%}
    {%- set namespace = var('customer_id_namespace') | string -%}
    {%- if not namespace or "'" in namespace or "\\" in namespace -%}
        {{ exceptions.raise_compiler_error(
            "The var customer_id_namespace is " ~ namespace ~ "; it must be a text without quotes and backslashes."
        ) }}
    {%- endif -%}
    'cus_' || left({{ sha256_hex("'" ~ namespace ~ "|' || " ~ anchor) }}, 24)
{%- endmacro %}
