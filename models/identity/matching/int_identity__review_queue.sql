-- Grain: one row per pair that a person should look at, the likeliest first by review_rank.

{{ config(materialized='view') }}

with

judged_pairs as (
    select * from {{ ref('int_identity__judged_pairs') }}
    where verdict = 'review'
),

final as (
    select
        record_key_a,
        record_key_b,
        model_version,

        evidence,

        row_number() over (
            order by link_weight desc, record_key_a asc, record_key_b asc
        ) as review_rank,
        link_weight,
        link_probability
    from judged_pairs
)

select * from final
