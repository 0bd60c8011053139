-- Grain: one row per record that is compared, with the person that scores alone make it.
-- Two clusters join only when all that is between them speaks for it: a pair that contradicts keeps
-- a household apart, where closing over every link would make one person of it.

{{ config(
    materialized='matching_clusters',
    meta={'keys': 'int_identity__matching_keys', 'threshold': 'int_identity__matching_model'}
) }}

-- depends_on: {{ ref('int_identity__matching_keys') }}
-- depends_on: {{ ref('int_identity__matching_model') }}
select
    record_key_a,
    record_key_b,
    link_weight
from {{ ref('int_identity__scored_pairs') }}
