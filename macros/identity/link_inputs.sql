{#- What links are made of, for kept_by_part: a value is a part, and what a record carries counts for its values' parts;
    a judged pair counts for its first record's. -#}
{% macro link_inputs() -%}
    select
        value_number as part_number,
        {{ braid.node_number('value_number, record_number, priority') }} as digest,
        record_number as owner_number
    from {{ ref('int_identity__identifiers') }}
    where identifier_status = 'usable'
    union all
    select
        {{ braid.node_number('record_key_a') }} as part_number,
        {{ braid.node_number('record_key_a, record_key_b, evidence, link_probability') }} as digest,
        {{ braid.node_number('record_key_a') }} as owner_number
    from {{ ref('int_identity__judged_pairs') }}
    where verdict = 'link'
{%- endmacro %}
