-- Grain: one row per ticket; deleted ones stay, marked.

with

source as (
    select * from {{ source('tickets', 'tickets') }}
),

final as (
    select
        id as ticket_id,

        subject,
        minutes_spent,

        coalesce(_is_deleted, false) as is_deleted,

        updated_at,

        _extracted_at as extracted_at
    from source
)

select * from final
