-- Grain: one row per record that was joined by hand, with the group of records so joined.
-- A cut takes such a group to one side as a whole: a join outranks what links say.

{{ config(
    materialized='connected_components',
    meta={'node_column': 'record_key', 'component_column': 'join_group'}
) }}

with

joins as (
    select * from {{ ref('int_identity__joins') }}
),

final as (
    select
        record_key_a as node_a,
        record_key_b as node_b
    from joins
)

select * from final
