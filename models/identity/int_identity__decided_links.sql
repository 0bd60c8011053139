-- Grain: one row per pair of records, rule that ties them and value they share, decisions applied:
-- what clusters are made of.
-- Joins are links of their own and outrank scores; what a cut goes through is not here.

{{ config(materialized='view') }}

-- depends_on: {{ ref('int_identity__cut_links') }}

with

links as (
    select * from {{ ref('int_identity__links') }}
),

joins as (
    select * from {{ ref('int_identity__joins') }}
),

{% if has_cuts() -%}
    -- Nobody pays for comparing the keys of all links before the first cut is recorded.
    cut_links as (
        select * from {{ ref('int_identity__cut_links') }}
    ),

{% endif -%}
ties as (
    select
        record_key_a,
        record_key_b,
        link_rule,
        evidence,
        score,
        rule_priority,
        number_a,
        number_b
    from links

    union all

    select
        record_key_a,
        record_key_b,
        'decision' as link_rule,
        decision_id as evidence,
        cast(1.0 as {{ dbt.type_float() }}) as score,
        0 as rule_priority,
        {{ node_number('record_key_a') }} as number_a,
        {{ node_number('record_key_b') }} as number_b
    from joins
),

final as (
    select
        ties.record_key_a,
        ties.record_key_b,

        ties.link_rule,
        ties.evidence,

        ties.score,
        ties.rule_priority,

        ties.number_a,
        ties.number_b
    from ties
    {% if has_cuts() -%}
        left join cut_links
            on
                ties.record_key_a = cut_links.record_key_a
                and ties.record_key_b = cut_links.record_key_b
        where cut_links.record_key_a is null
    {%- endif %}
)

select * from final
