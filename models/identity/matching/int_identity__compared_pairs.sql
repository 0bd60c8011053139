-- Grain: one row per candidate pair, with the level that each comparison finds and how common the
-- values are that the two share. A view: scores are its only reader, and in one go they are written
-- once.

{{ config(materialized='view') }}

with

known_keys as (
    select * from {{ ref('int_identity__matching_keys') }}
),

candidates as (
    select * from {{ ref('int_identity__candidate_pairs') }}
),

frequencies as (
    select term_frequencies.*
    from {{ source('ops', 'term_frequencies') }} as term_frequencies
    inner join {{ ref('int_identity__matching_model') }} as models
        on term_frequencies.model_version = models.model_version
),

final as (
    select * from (
        {{ matching_compared_pairs('known_keys', 'candidates', 'frequencies') }}
    ) as made
)

select * from final
