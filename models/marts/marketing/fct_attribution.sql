-- Grain: one row per conversion and touch that may have led to it; one of the channel unattributed
-- where none did.
-- Shares have more digits than they need: their product with an amount must fit.
-- The shares of a conversion are differences of rounded running sums: they add up to exactly 1.

{%- set in_order %}
    partition by conversion_key
    order by touch_number asc
    rows between unbounded preceding and current row
{%- endset %}

with

paths as (
    select * from {{ ref('int_marketing__paths') }}
),

running as (
    select
        {% for model in attribution_models() -%}
            cast(
                round(
                    sum({{ model }}_weight) over ({{ in_order }})
                    / sum({{ model }}_weight) over (partition by conversion_key),
                    9
                ) as decimal(19, 9)
            ) as {{ model }}_until,
        {% endfor %}
        *
    from paths
),

final as (
    select
        cast(conversion_key as {{ dbt.type_string() }}) as conversion_key,
        cast(conversion_type as {{ dbt.type_string() }}) as conversion_type,
        cast(customer_id as {{ dbt.type_string() }}) as customer_id,

        cast(touch_key as {{ dbt.type_string() }}) as touch_key,
        cast(touch_type as {{ dbt.type_string() }}) as touch_type,
        cast(coalesce(channel, 'unattributed') as {{ dbt.type_string() }}) as channel,
        cast(campaign_source as {{ dbt.type_string() }}) as campaign_source,
        cast(campaign_name as {{ dbt.type_string() }}) as campaign_name,
        cast(coalesce(touch_number, 0) as {{ dbt.type_bigint() }}) as touch_number,
        cast(coalesce(number_of_touches, 0) as {{ dbt.type_bigint() }}) as number_of_touches,

        cast(currency as {{ dbt.type_string() }}) as currency,
        cast(amount as decimal(18, 4)) as amount,

        {% for model in attribution_models() -%}
            cast(
                {{ model }}_until - coalesce(
                    lag({{ model }}_until) over (
                        partition by conversion_key
                        order by touch_number asc
                    ),
                    0
                ) as decimal(19, 9)
            ) as {{ model }}_share,
        {% endfor %}
        touched_at,
        converted_at
    from running
)

select * from final
