-- Grain: one row per currency and day of the calendar that has a rate to the reporting currency.
-- The rate that began last counts. Two of one day that differ, and rates of 0 or less, are no rate:
-- what cannot be told is missing until the next rate begins; the rate before does not go on.

{{ config(materialized='table', contract={'enforced': false}) }}

with

dates as (
    select date_day from {{ ref('dim_dates') }}
),

begun as (
    select
        upper(trim(currency)) as currency,
        valid_from,
        max(valid_to) as valid_to,
        max(rate) as rate,
        count(distinct rate) = 1
        and min(rate) > 0
        -- An end that one row states and another leaves open is no end that differs.
        and min(coalesce(valid_to, cast('9999-12-31' as date)))
        = max(coalesce(valid_to, cast('9999-12-31' as date))) as can_be_told
    from {{ ref('currency_rates') }}
    where
        valid_from is not null
        and upper(trim(reporting_currency)) = '{{ var("reporting_currency") | upper }}'
    group by upper(trim(currency)), valid_from
),

ranges as (
    select
        currency,
        rate,
        valid_from,
        valid_to,
        can_be_told,
        lead(valid_from) over (partition by currency order by valid_from asc) as next_valid_from
    from begun
),

final as (
    select
        ranges.currency,
        ranges.rate,
        dates.date_day
    from ranges
    inner join dates
        on
            ranges.valid_from <= dates.date_day
            and (ranges.valid_to is null or ranges.valid_to >= dates.date_day)
            and (ranges.next_valid_from is null or ranges.next_valid_from > dates.date_day)
    where ranges.can_be_told
)

select * from final
