-- Grain: one row per person of a data set; deleted ones stay, marked.
-- A data set keeps its rows' keys whichever way it comes in: as files, or from its database.

with

files as (
    select * from {{ source('files', 'people') }}
    where _quarantined_at is null
),

databases as (
    select * from {{ source('sql', 'people') }}
    where _quarantined_at is null
),

source as (
    select
        dataset,
        person_id,
        email,
        phone,
        first_name,
        last_name,
        user_id,
        loyalty_id,
        street,
        city,
        postal_code,
        country,
        created_at,
        updated_at,
        _is_deleted,
        _extracted_at
    from files

    union all

    select
        dataset,
        person_id,
        email,
        phone,
        first_name,
        last_name,
        user_id,
        loyalty_id,
        street,
        city,
        postal_code,
        country,
        created_at,
        updated_at,
        _is_deleted,
        _extracted_at
    from databases
),

final as (
    select
        {{ record_key('files', 'person', "dataset || '/' || person_id") }} as record_key,
        person_id,
        user_id,
        loyalty_id,

        dataset,
        email,
        phone,
        first_name,
        last_name,
        street,
        city,
        postal_code,
        country,

        coalesce(_is_deleted, false) as is_deleted,

        created_at,
        updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
