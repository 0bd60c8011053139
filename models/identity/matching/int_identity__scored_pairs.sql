-- Grain: one row per candidate pair, with its weight in bits and each comparison's as evidence.
-- match_weight and match_probability are Splink's; link_weight also weighs that the two may be
-- people of one household.

with

compared_pairs as (
    select * from {{ ref('int_identity__compared_pairs') }}
),

trained_weights as (
    select match_weights.*
    from {{ source('ops', 'match_weights') }} as match_weights
    inner join {{ ref('int_identity__matching_model') }} as models
        on match_weights.model_version = models.model_version
),

final as (
    select * from (
        {{ matching_weighed_pairs('compared_pairs', 'trained_weights') }}
    ) as made
)

select * from final
