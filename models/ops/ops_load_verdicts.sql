-- Grain: one row per table and measure: rows of the newest full day, rows of today, hours since
-- rows came.

with

volumes as (
    select * from {{ ref('int_ops__load_volumes') }}
),

delays as (
    select * from {{ ref('int_ops__load_delays') }}
),

final as (
    select
        table_name,
        measure,
        verdict,
        severity,
        owner,
        judged_on,
        measured,
        usual,
        lowest,
        highest,
        compared_with,
        number_compared
    from volumes

    union all

    select
        table_name,
        measure,
        verdict,
        severity,
        owner,
        judged_on,
        measured,
        usual,
        lowest,
        highest,
        compared_with,
        number_compared
    from delays
)

select * from final
