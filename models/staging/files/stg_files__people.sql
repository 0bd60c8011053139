-- Grain: one row per person of a data set; deleted ones stay, marked.

with

source as (
    select * from {{ source('files', 'people') }}
),

final as (
    select
        {{ record_key('files', 'person', "dataset || '/' || person_id") }} as record_key,
        person_id,
        user_id,

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
