-- Grain: one row per record and tie (rule and what it shows) that ever was one of its links.
-- Says since when: by builds, for a source does not tell when a value came into a record. A book: a
-- full refresh keeps it, and a tie that is gone and comes back was first seen the first time.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

with

links as (
    select * from {{ ref('int_identity__links') }}
),

build as (
    select * from {{ ref('int_identity__build') }}
),

ends as (
    select
        record_key_a as record_key,
        link_rule,
        coalesce(evidence, '') as evidence
    from links

    union all

    select
        record_key_b as record_key,
        link_rule,
        coalesce(evidence, '') as evidence
    from links
),

today as (
    select distinct
        record_key,
        link_rule,
        evidence
    from ends
),

final as (
    select
        today.record_key,
        today.link_rule,
        today.evidence,

        build.built_at as first_seen_at
    from today
    cross join build
    {% if is_incremental() -%}
        where not exists (
            select 1 from {{ this }} as known
            where
                known.record_key = today.record_key
                and known.link_rule = today.link_rule
                and known.evidence = today.evidence
        )
    {%- endif %}
)

select * from final
