-- Grain: one row per month of a customer's first activity (UTC) and number of months since then.
-- A customer is active in a month with a session's call in it. Months in which nobody of the cohort
-- came are rows too, up to the month of the last event and 36 months on.

with

events as (
    select * from {{ ref('fct_events') }}
    where
        session_id is not null
        and customer_id is not null
),

active_months as (
    select distinct
        customer_id,
        cast({{ dbt.date_trunc('month', 'occurred_at') }} as date) as active_month
    from events
),

first_months as (
    select
        customer_id,
        min(active_month) as cohort_month
    from active_months
    group by customer_id
),

cohorts as (
    select
        cohort_month,
        count(*) as number_of_customers
    from first_months
    group by cohort_month
),

actives as (
    select
        first_months.cohort_month,
        active_months.active_month,
        count(*) as number_of_customers
    from active_months
    inner join first_months
        on active_months.customer_id = first_months.customer_id
    group by first_months.cohort_month, active_months.active_month
),

last_months as (
    select max(active_month) as last_month from active_months
),

numbers as (
    {% for number in range(37) -%}
        select {{ number }} as months_since
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
),

periods as (
    select
        cohorts.cohort_month,
        cohorts.number_of_customers,
        numbers.months_since,
        last_months.last_month,
        cast({{ dbt.dateadd('month', 'numbers.months_since', 'cohorts.cohort_month') }} as date)
            as active_month
    from cohorts
    cross join numbers
    cross join last_months
),

final as (
    select
        periods.cohort_month,
        periods.active_month,

        cast(periods.months_since as {{ dbt.type_bigint() }}) as months_since,
        cast(periods.number_of_customers as {{ dbt.type_bigint() }}) as customers_in_cohort,
        cast(coalesce(actives.number_of_customers, 0) as {{ dbt.type_bigint() }})
            as customers_active,
        cast(
            coalesce(actives.number_of_customers, 0) * 1.0 / periods.number_of_customers
            as decimal(9, 6)
        ) as retention_rate,

        periods.active_month < periods.last_month as is_complete
    from periods
    left join actives
        on
            periods.cohort_month = actives.cohort_month
            and periods.active_month = actives.active_month
    where periods.active_month <= periods.last_month
)

select * from final
