-- Grain: one row per table and measure: rows of the newest full day, rows of today, hours since rows came.

select * from {{ ref('int_ops__load_volumes') }}

union all

select * from {{ ref('int_ops__load_delays') }}
