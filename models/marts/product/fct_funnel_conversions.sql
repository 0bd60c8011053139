-- Grain: one row per funnel, day of entry (UTC) and step.
-- A customer counts once a day, and for a step when any of the day's entries led to it in time.

with

steps as (
    select * from {{ ref('funnel_steps') }}
),

funnel_events as (
    select
        *,
        cast(entered_at as date) as entered_on
    from {{ ref('fct_funnel_events') }}
),

-- How fast the fastest way of a customer to the step was.
reached as (
    select
        funnel_name,
        entered_on,
        step_number,
        customer_id,
        min(seconds_since_entry) as seconds_since_entry
    from funnel_events
    group by funnel_name, entered_on, step_number, customer_id
),

sums as (
    select
        funnel_name,
        entered_on,
        step_number,
        count(*) as number_of_customers,
        avg(seconds_since_entry) as average_seconds
    from reached
    group by funnel_name, entered_on, step_number
),

entries as (
    select * from sums
    where step_number = 1
),

-- A step that nobody took is a row too; the first step has no earlier one.
final as (
    select
        cast(entries.funnel_name as {{ dbt.type_string() }}) as funnel_name,
        cast(entries.entered_on as date) as entered_on,
        cast(steps.step_number as {{ dbt.type_bigint() }}) as step_number,
        cast(steps.step_name as {{ dbt.type_string() }}) as step_name,

        cast(entries.number_of_customers as {{ dbt.type_bigint() }}) as customers_entered,
        cast(coalesce(sums.number_of_customers, 0) as {{ dbt.type_bigint() }})
            as customers_reached,
        cast(
            coalesce(sums.number_of_customers, 0) * 1.0 / entries.number_of_customers
            as decimal(9, 6)
        ) as conversion_rate,
        cast(
            coalesce(sums.number_of_customers, 0) * 1.0 / earlier.number_of_customers
            as decimal(9, 6)
        ) as step_conversion_rate,
        cast(sums.average_seconds as decimal(18, 2)) as average_seconds_since_entry
    from entries
    inner join steps
        on entries.funnel_name = steps.funnel_name
    left join sums
        on
            entries.funnel_name = sums.funnel_name
            and entries.entered_on = sums.entered_on
            and steps.step_number = sums.step_number
    left join sums as earlier
        on
            entries.funnel_name = earlier.funnel_name
            and entries.entered_on = earlier.entered_on
            and steps.step_number = earlier.step_number + 1
)

select * from final
