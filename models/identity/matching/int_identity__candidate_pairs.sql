-- Grain: one row per pair of records that any rule of blocking brings together.
-- The lower key stands first. The first rule that finds a pair makes it; later ones leave it out,
-- which costs less than to make pairs several times and to sort them.

-- depends_on: {{ ref('int_identity__matching_rules') }}
-- depends_on: {{ ref('int_identity__matching_keys') }}
{%- set keys = ref('int_identity__matching_keys') | string %}
{%- set rules = matching_used_rules(ref('int_identity__matching_rules')) %}

with

final as (
    {%- for rule in rules %}
    {{ rule["pairs"] | replace('@keys', keys) }}
    {%- for before in rules[:loop.index0] %}
    and not coalesce({{ before["block"] }}, false)
    {%- endfor %}
    union all
    {%- endfor %}
    select
        record_key as record_key_a,
        record_key as record_key_b,
        0 as rule_number
    from {{ ref('int_identity__matching_keys') }}
    where 1 = 0
)

select * from final
