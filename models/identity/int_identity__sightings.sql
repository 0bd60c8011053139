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

written as (
    select * from {{ previous_sightings() }} as int_identity__sightings
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
    left join written
        on
            today.record_key = written.record_key
            and today.link_rule = written.link_rule
            and today.evidence = written.evidence
    where written.record_key is null
)

select * from final
