-- Grain: one row per customer and experiment, with the variation that was seen first.
-- Who saw more than one variation (a second device, linked later) is marked: leave them out of a
-- comparison.

with

events as (
    select * from {{ ref('fct_events') }}
    where
        customer_id is not null
        and event_type = 'track'
        -- No event is an exposure where the var names none.
        and lower(event_name) in (
            {%- for name in var('experiment_events') -%}
                '{{ name | lower | replace("'", "''") }}'{{ ', ' if not loop.last }}
            {%- else -%}
                null
            {%- endfor -%}
        )
),

named as (
    select
        *,
        {{ json_text('properties', 'experiment_id') }} as experiment_id,
        {{ json_text('properties', 'experiment_name') }} as experiment_name,
        {{ json_text('properties', 'variation_id') }} as variation_id,
        {{ json_text('properties', 'variation_name') }} as variation_name
    from events
),

exposures as (
    select * from named
    where
        experiment_id is not null
        and variation_id is not null
),

sums as (
    select
        customer_id,
        experiment_id,
        count(*) as number_of_exposures,
        count(distinct variation_id) as number_of_variations,
        max(occurred_at) as last_exposed_at
    from exposures
    group by customer_id, experiment_id
),

first_exposures as (
    select *
    from exposures
    qualify row_number() over (
        partition by customer_id, experiment_id
        order by occurred_at asc nulls last, message_id asc
    ) = 1
),

final as (
    select
        cast(firsts.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(firsts.experiment_id as {{ dbt.type_string() }}) as experiment_id,
        cast(firsts.experiment_name as {{ dbt.type_string() }}) as experiment_name,
        cast(firsts.variation_id as {{ dbt.type_string() }}) as variation_id,
        cast(firsts.variation_name as {{ dbt.type_string() }}) as variation_name,
        cast(firsts.message_id as {{ dbt.type_string() }}) as first_message_id,
        cast(firsts.session_id as {{ dbt.type_string() }}) as first_session_id,

        cast(sums.number_of_exposures as {{ dbt.type_bigint() }}) as number_of_exposures,
        cast(sums.number_of_variations as {{ dbt.type_bigint() }}) as number_of_variations,
        cast(sums.number_of_variations > 1 as boolean) as has_seen_several,

        cast(firsts.occurred_at as {{ dbt.type_timestamp() }}) as first_exposed_at,
        cast(sums.last_exposed_at as {{ dbt.type_timestamp() }}) as last_exposed_at
    from first_exposures as firsts
    inner join sums
        on
            firsts.customer_id = sums.customer_id
            and firsts.experiment_id = sums.experiment_id
)

select * from final
