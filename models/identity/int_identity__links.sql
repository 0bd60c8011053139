-- Grain: one row per pair of records and rule that ties them.
-- Records that share a value are tied as a star, each to the lowest key: n records need n - 1
-- links. Pairs that scores make one person are links too; their score is the probability.

with

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where identifier_status = 'usable'
),

with_hub as (
    select
        record_key,
        identifier_type,
        identifier_value,
        priority,
        min(record_key) over (partition by identifier_type, identifier_value) as hub_key
    from identifiers
),

judged_pairs as (
    select * from {{ ref('int_identity__judged_pairs') }}
    where verdict = 'link'
),

-- Two records may share several values of one type (two phones): the first stands as evidence.
final as (
    select
        hub_key as record_key_a,
        record_key as record_key_b,

        identifier_type as link_rule,
        min(identifier_value) as evidence,

        cast(1.0 as {{ dbt.type_float() }}) as score,
        min(priority) as rule_priority
    from with_hub
    where record_key <> hub_key
    group by hub_key, record_key, identifier_type

    union all

    select
        record_key_a,
        record_key_b,

        'probabilistic' as link_rule,
        evidence,

        cast(link_probability as {{ dbt.type_float() }}) as score,
        999 as rule_priority
    from judged_pairs
)

select * from final
