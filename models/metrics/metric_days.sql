-- Grain: one row per day from 2000-01-01 to 2049-12-31, without gaps.
-- The calendar that metrics by time are laid over; it holds nothing else.

{{ config(materialized='table', schema='marts') }}

with

digits as (
    {% for digit in range(10) -%}
        select {{ digit }} as digit
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
),

numbers as (
    select
        ones.digit
        + 10 * tens.digit
        + 100 * hundreds.digit
        + 1000 * thousands.digit
        + 10000 * myriads.digit as days_later
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as myriads
),

final as (
    select
        cast(
            {{ dbt.dateadd('day', 'days_later', "cast('2000-01-01' as date)") }} as date
        ) as date_day
    from numbers
    where days_later < 18263
)

select * from final
