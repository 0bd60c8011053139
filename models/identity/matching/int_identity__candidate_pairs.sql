-- Grain: one row per pair of records that any rule of blocking brings together.
-- The lower key stands first.

-- depends_on: {{ ref('int_identity__matching_rules') }}
-- depends_on: {{ ref('int_identity__matching_keys') }}
{%- set keys = ref('int_identity__matching_keys') | string %}
{%- set rules = matching_used_rules(ref('int_identity__matching_rules')) %}

with

found as (
    {%- for rule in rules %}
    {{ rule["pairs"] | replace('@keys', keys) }}
    union all
    {%- endfor %}
    select
        record_key as record_key_a,
        record_key as record_key_b,
        0 as rule_number
    from {{ ref('int_identity__matching_keys') }}
    where 1 = 0
),

final as (
    select
        record_key_a,
        record_key_b,

        min(rule_number) as rule_number
    from found
    group by record_key_a, record_key_b
)

select * from final
