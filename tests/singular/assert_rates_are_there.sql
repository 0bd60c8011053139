-- Harm: a sum in the reporting currency that lacks a currency's amounts looks like a bad month.
-- What it lists is to be added to seeds/finance/currency_rates.csv; a row without currency is to
-- be mended at its source.

{{ config(severity='warn', meta={'owner': 'finance', 'domain': 'finance'}) }}

with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

missing as (
    select
        'fct_opportunities' as fact,
        currency,
        coalesce(close_on, created_on) as day_of
    from opportunities
    where
        has_missing_rate
        and not is_deleted

    union all

    select
        'fct_orders' as fact,
        currency,
        ordered_on as day_of
    from orders
    where has_missing_rate
),

final as (
    select
        fact,
        currency,
        min(day_of) as first_day,
        max(day_of) as last_day,
        count(*) as number_of_rows
    from missing
    group by fact, currency
)

select * from final
