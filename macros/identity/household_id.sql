{#- Id of the household whose oldest customer is `customer_id` (SQL): the same on every rebuild and warehouse. -#}
{% macro household_id(customer_id) -%}
    'hh_' || left({{ sha256_hex("'" ~ var('customer_id_namespace') ~ "|household|' || " ~ customer_id) }}, 24)
{%- endmacro %}
