-- Grain: one row per funnel, step and call that took the step in order and in time.
-- Of several ways to a step the one with the latest entry counts: who looked three times and bought
-- came in with the last look that led to it.

{% set most = most_funnel_steps() -%}

with

calls as (
    select * from {{ ref('int_product__funnel_calls') }}
),

-- A later step stands first, so that a call does not lead from one of its steps to the next; it may
-- take a later step of one attempt and the first of another.
placed as (
    select
        *,
        row_number() over (
            partition by funnel_name, customer_id
            order by occurred_at asc nulls last, message_id asc, step_number desc
        ) as place
    from calls
),

-- Place of the latest entry from which the step's call is reached; null where it is not in order.
reached_1 as (
    select
        *,
        case when step_number = 1 then place end as entry_1
    from placed
),

{% for step in range(2, most + 1) -%}
    reached_{{ step }} as (
        select
            *,
            case
                when step_number = {{ step }}
                    then max(entry_{{ step - 1 }}) over (
                        partition by funnel_name, customer_id
                        order by place asc
                        rows between unbounded preceding and 1 preceding
                    )
            end as entry_{{ step }}
        from reached_{{ step - 1 }}
    ),

{% endfor -%}

taken as (
    select
        *,
        case step_number
            {% for step in range(1, most + 1) -%}
                when {{ step }} then entry_{{ step }}
            {% endfor -%}
        end as entry_place
    from reached_{{ most }}
),

final as (
    select
        cast(taken.funnel_name as {{ dbt.type_string() }}) as funnel_name,
        cast(taken.step_number as {{ dbt.type_bigint() }}) as step_number,
        cast(taken.step_name as {{ dbt.type_string() }}) as step_name,
        cast(taken.message_id as {{ dbt.type_string() }}) as message_id,
        cast(taken.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(taken.session_id as {{ dbt.type_string() }}) as session_id,
        cast(entries.message_id as {{ dbt.type_string() }}) as entry_message_id,

        cast(taken.step_number = taken.number_of_steps as boolean) as is_last_step,

        cast(
            {{ dbt.datediff('entries.occurred_at', 'taken.occurred_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as seconds_since_entry,

        cast(entries.occurred_at as {{ dbt.type_timestamp() }}) as entered_at,
        cast(taken.occurred_at as {{ dbt.type_timestamp() }}) as taken_at
    from taken
    inner join placed as entries
        on
            taken.funnel_name = entries.funnel_name
            and taken.customer_id = entries.customer_id
            and taken.entry_place = entries.place
    where
        taken.occurred_at
        <= {{ dbt.dateadd('hour', 'taken.window_hours', 'entries.occurred_at') }}
)

select * from final
