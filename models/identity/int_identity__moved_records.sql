-- Grain: one row per record key that another record of the same source has taken over.
-- Who bought before the person's own row arrived was a record of the orders; it is never back.

{{ config(materialized='view') }}

with

files_people as (
    select * from {{ ref('stg_files__people') }}
),

final as (
    select
        {{ record_key('files', 'customer', "dataset || '/' || person_id") }} as record_key,
        record_key as successor_key
    from files_people
)

select * from final
