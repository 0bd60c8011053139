-- Grain: one row per day from calendar_from to calendar_to, without gaps.
-- Weeks are ISO's: they begin on Monday, and belong to the year their Thursday is in.

{% set first_month = var('fiscal_year_first_month') | int -%}
{% if not 1 <= first_month <= 12 -%}
    {{ exceptions.raise_compiler_error(
        'fiscal_year_first_month is ' ~ var('fiscal_year_first_month')
        ~ '; it must be the number of a month, 1 to 12.'
    ) }}
{%- endif -%}
{% set as_date = modules.datetime.datetime.strptime -%}
{% set from_date = as_date(var('calendar_from') | string, '%Y-%m-%d') -%}
{% set to_date = as_date(var('calendar_to') | string, '%Y-%m-%d') -%}
{% set first_day = "cast('" ~ from_date.strftime('%Y-%m-%d') ~ "' as date)" -%}
{% set number_of_days = (to_date - from_date).days + 1 -%}
{% if not 1 <= number_of_days <= 100000 -%}
    {{ exceptions.raise_compiler_error(
        'calendar_from to calendar_to are ' ~ number_of_days
        ~ ' days; put calendar_to after calendar_from, by less than 273 years.'
    ) }}
{%- endif -%}

with

digits as (
    {% for digit in range(10) -%}
        select {{ digit }} as digit
        {%- if not loop.last %}
            union all
        {% endif %}
    {%- endfor %}
),

-- Days after the first one: 100,000 of them are 273 years.
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

days as (
    select cast({{ dbt.dateadd('day', 'days_later', first_day) }} as date) as date_day
    from numbers
    where days_later < {{ number_of_days }}
),

-- 1 January 1900 was a Monday. Days before it would count from the other end, so 7 is added.
weekdays as (
    select
        date_day,
        mod(mod({{ dbt.datediff("cast('1900-01-01' as date)", 'date_day', 'day') }}, 7) + 7, 7)
        + 1 as day_of_week,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_starts_on,
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as quarter_starts_on,
        cast({{ dbt.date_trunc('year', 'date_day') }} as date) as year_starts_on
    from days
),

weeks as (
    select
        *,
        cast({{ dbt.dateadd('day', '1 - day_of_week', 'date_day') }} as date) as week_starts_on,
        cast({{ dbt.dateadd('day', '4 - day_of_week', 'date_day') }} as date) as thursday_on,
        cast(
            {{ dbt.dateadd('month', 1 - first_month, 'month_starts_on') }} as date
        ) as fiscal_month_on
    from weekdays
),

iso_years as (
    select
        *,
        cast({{ dbt.date_trunc('year', 'thursday_on') }} as date) as thursdays_year_on
    from weeks
),

final as (
    select
        date_day,

        cast(year(date_day) as {{ dbt.type_bigint() }}) as year_number,
        cast(floor((month(date_day) + 2) / 3) as {{ dbt.type_bigint() }}) as quarter_number,
        cast(month(date_day) as {{ dbt.type_bigint() }}) as month_number,
        cast(day(date_day) as {{ dbt.type_bigint() }}) as day_of_month,
        cast(
            {{ dbt.datediff('year_starts_on', 'date_day', 'day') }}
            + 1 as {{ dbt.type_bigint() }}
        ) as day_of_year,
        cast(day_of_week as {{ dbt.type_bigint() }}) as day_of_week,
        cast(year(thursday_on) as {{ dbt.type_bigint() }}) as iso_year,
        cast(
            floor(
                {{ dbt.datediff('thursdays_year_on', 'thursday_on', 'day') }}
                / 7
            ) + 1 as {{ dbt.type_bigint() }}
        ) as iso_week,
        cast(
            year(fiscal_month_on) {% if first_month > 1 %}+ 1{% endif %}
            as {{ dbt.type_bigint() }}
        ) as fiscal_year,
        cast(floor((month(fiscal_month_on) + 2) / 3) as {{ dbt.type_bigint() }}) as fiscal_quarter,
        cast(month(fiscal_month_on) as {{ dbt.type_bigint() }}) as fiscal_month,

        day_of_week >= 6 as is_weekend,

        week_starts_on,
        month_starts_on,
        quarter_starts_on,
        year_starts_on
    from iso_years
)

select * from final
