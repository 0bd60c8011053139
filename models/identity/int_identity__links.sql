-- Grain: one row per pair of records, rule that ties them and value they share.
-- Records that share a value are tied as a star, each to the lowest key: n records need n - 1
-- links. Pairs that scores make one person are links too; their score is the probability.
-- A value is a part: a run reads the records of those values again that somebody got or lost.

{{ config(
    materialized='kept_by_part',
    meta={
        'inputs': 'link_inputs',
        'likely': 'lately_updated',
        'noted': {'int_identity__candidate_clusters__seen': 'seen_number'},
    }
) }}

-- depends_on: {{ ref('int_identity__records') }}

with

identifiers as (
    select
        record_key,
        identifier_type,
        identifier_value,
        priority,
        record_number,
        value_number as part_number
    from {{ ref('int_identity__identifiers') }}
    where identifier_status = 'usable'
),

tied as (
    select
        *,
        {{ node_number('identifier_value', 1) }} as check_number
    from identifiers
    where {{ in_changed_parts('part_number') }}
),

-- By numbers, since comparing text is dear; two values that have both in common are one.
hubs as (
    select
        part_number,
        check_number,
        min(record_key) as hub_key
    from tied
    group by part_number, check_number
    having count(*) > 1
),

judged_pairs as (
    select
        *,
        {{ node_number('record_key_a') }} as part_number
    from {{ ref('int_identity__judged_pairs') }}
    where verdict = 'link'
),

final as (
    select
        hubs.hub_key as record_key_a,
        tied.record_key as record_key_b,

        tied.identifier_type as link_rule,
        tied.identifier_value as evidence,

        cast(1.0 as {{ dbt.type_float() }}) as score,
        cast(tied.priority as {{ dbt.type_int() }}) as rule_priority,
        {{ node_number('hubs.hub_key') }} as number_a,
        tied.record_number as number_b,
        tied.part_number
    from tied
    inner join hubs
        on
            tied.part_number = hubs.part_number
            and tied.check_number = hubs.check_number
    where tied.record_key <> hubs.hub_key

    union all

    select
        record_key_a,
        record_key_b,

        'probabilistic' as link_rule,
        evidence,

        cast(link_probability as {{ dbt.type_float() }}) as score,
        999 as rule_priority,
        {{ node_number('record_key_a') }} as number_a,
        {{ node_number('record_key_b') }} as number_b,
        part_number
    from judged_pairs
    where {{ in_changed_parts('part_number') }}
)

select * from final
