-- Grain: one row per pair that a person should look at, the likeliest first by review_rank.
-- What is settled waits for nobody: two records that are one customer already, by a join or by
-- identifiers, and those of two customers between whom somebody cut.

{{ config(materialized='view') }}

with

judged_pairs as (
    select * from {{ ref('int_identity__judged_pairs') }}
    where verdict = 'review'
),

clusters as (
    select
        record_key,
        cluster_key
    from {{ ref('int_identity__candidate_clusters') }}
),

cuts as (
    select
        record_key_a,
        record_key_b
    from {{ ref('int_identity__decisions') }}
    where
        kind = 'cut'
        and is_active
),

apart as (
    select distinct
        least(
            coalesce(one.cluster_key, cuts.record_key_a),
            coalesce(other.cluster_key, cuts.record_key_b)
        ) as cluster_key_a,
        greatest(
            coalesce(one.cluster_key, cuts.record_key_a),
            coalesce(other.cluster_key, cuts.record_key_b)
        ) as cluster_key_b
    from cuts
    left join clusters as one
        on cuts.record_key_a = one.record_key
    left join clusters as other
        on cuts.record_key_b = other.record_key
),

placed as (
    select
        judged_pairs.*,
        coalesce(one.cluster_key, judged_pairs.record_key_a) as one_key,
        coalesce(other.cluster_key, judged_pairs.record_key_b) as other_key
    from judged_pairs
    left join clusters as one
        on judged_pairs.record_key_a = one.record_key
    left join clusters as other
        on judged_pairs.record_key_b = other.record_key
),

open_pairs as (
    select placed.*
    from placed
    left join apart
        on
            least(placed.one_key, placed.other_key) = apart.cluster_key_a
            and greatest(placed.one_key, placed.other_key) = apart.cluster_key_b
    where
        placed.one_key <> placed.other_key
        and apart.cluster_key_a is null
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
    from open_pairs
)

select * from final
