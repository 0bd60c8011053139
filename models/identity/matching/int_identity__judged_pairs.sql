-- Grain: one row per pair that is a link or that a person should look at.
-- A link lies at or above the threshold, and the clusters agree; a pair that scores as high but
-- whose clusters speak against it is for a person, as are those just below.

with

scored_pairs as (
    select * from {{ ref('int_identity__scored_pairs') }}
),

models as (
    select * from {{ ref('int_identity__matching_model') }}
),

clusters as (
    select * from {{ ref('int_identity__person_clusters') }}
),

final as (
    select
        scored_pairs.record_key_a,
        scored_pairs.record_key_b,
        models.model_version,

        case
            when
                scored_pairs.link_weight >= models.link_weight
                and one.person_cluster_key = other.person_cluster_key
                then 'link'
            else 'review'
        end as verdict,
        {{ matching_evidence('scored_pairs') }} as evidence,

        scored_pairs.match_weight,
        scored_pairs.household_weight,
        scored_pairs.link_weight,
        scored_pairs.link_probability
    from scored_pairs
    cross join models
    inner join clusters as one
        on scored_pairs.record_key_a = one.record_key
    inner join clusters as other
        on scored_pairs.record_key_b = other.record_key
    where scored_pairs.link_weight >= models.review_weight
)

select * from final
