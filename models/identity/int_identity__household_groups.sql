-- Grain: one row per customer of whom a household can be told, with the group they live in.
-- A group is named by its lowest customer id; the name says nothing about the household's id.

{{ config(
    materialized='connected_components',
    meta={'node_column': 'customer_id', 'component_column': 'group_key'}
) }}

with

household_keys as (
    select * from {{ ref('int_identity__household_keys') }}
),

final as (
    select
        hub_customer_id as node_a,
        customer_id as node_b
    from household_keys
    where
        not is_over_limit
        and hub_customer_id <> customer_id

    union all

    select distinct
        customer_id as node_a,
        cast(null as {{ dbt.type_string() }}) as node_b
    from household_keys
)

select * from final
