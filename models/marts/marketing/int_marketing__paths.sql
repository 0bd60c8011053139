-- Grain: one row per conversion and touch that may have led to it; one without a touch where none
-- did.
-- A weight is what a model gives the touch, in proportion to the other touches of the conversion.

{{ config(materialized='view', contract={'enforced': false}) }}

with

conversions as (
    select * from {{ ref('int_marketing__conversions') }}
),

kinds as (
    select * from {{ ref('attribution_conversions') }}
),

rules as (
    select * from {{ ref('attribution_rules') }}
),

direct_channels as (
    select * from {{ ref('attribution_direct_channels') }}
),

touches as (
    select * from {{ ref('fct_touches') }}
    where
        customer_id is not null
        and touched_at is not null
),

dated as (
    select
        *,
        lag(converted_at) over (
            partition by conversion_type, customer_id
            order by converted_at asc nulls last, conversion_key asc
        ) as one_before_at
    from conversions
),

-- What was won at the same moment was not won before: both have the same touches.
windows as (
    select
        dated.*,
        {{ dbt.dateadd('day', '-kinds.lookback_days', 'dated.converted_at') }}
            as lookback_begins_at,
        case
            when kinds.path_begins = 'last_conversion'
                then min(nullif(dated.one_before_at, dated.converted_at)) over (
                    partition by dated.conversion_type, dated.customer_id, dated.converted_at
                )
        end as converted_before_at
    from dated
    inner join kinds
        on dated.conversion_type = kinds.conversion_type
),

led as (
    select
        windows.conversion_key,
        touches.touch_key,
        touches.touch_type,
        touches.channel,
        touches.campaign_source,
        touches.campaign_name,
        touches.touched_at,
        row_number() over (
            partition by windows.conversion_key
            order by touches.touched_at asc, touches.touch_key asc
        ) as touch_number,
        count(*) over (partition by windows.conversion_key) as number_of_touches,
        count(*) over (partition by windows.conversion_key, touches.channel) as touches_of_channel,
        max(touches.touched_at) over (partition by windows.conversion_key) as last_touched_at,
        direct_channels.channel is not null as is_direct
    from windows
    inner join touches
        on
            windows.customer_id = touches.customer_id
            and windows.lookback_begins_at < touches.touched_at
            and windows.converted_at >= touches.touched_at
    left join direct_channels
        on touches.channel = direct_channels.channel
    where
        windows.converted_before_at is null
        or touches.touched_at > windows.converted_before_at
),

numbered as (
    select
        *,
        max(case when not is_direct then touch_number end) over (
            partition by conversion_key
        ) as last_named_number
    from led
),

weighed as (
    select
        numbered.*,
        case when numbered.touch_number = 1 then 1 else 0 end as first_touch_weight,
        case when numbered.touch_number = numbered.number_of_touches then 1 else 0 end
            as last_touch_weight,
        case
            when
                numbered.touch_number
                = coalesce(numbered.last_named_number, numbered.number_of_touches)
                then 1
            else 0
        end as last_non_direct_weight,
        1 as linear_weight,
        -- In whole numbers: all is counted as many times as there are touches in the middle.
        case
            when numbered.touch_number = 1
                then rules.first_percent * greatest(numbered.number_of_touches - 2, 1)
            when numbered.touch_number = numbered.number_of_touches
                then rules.last_percent * greatest(numbered.number_of_touches - 2, 1)
            else 100 - rules.first_percent - rules.last_percent
        end as position_based_weight,
        power(
            0.5,
            {{ dbt.datediff('numbered.touched_at', 'numbered.last_touched_at', 'second') }}
            / (rules.half_life_days * 86400.0)
        ) as time_decay_weight,
        -- A set of channels is worth the conversions whose channels are all among it. The Shapley
        -- values of that game give each channel of a conversion the same.
        -- In floating point on every warehouse: of whole numbers Snowflake keeps seven digits.
        cast(1 as double) / numbered.touches_of_channel as shapley_weight
    from numbered
    cross join rules
),

final as (
    select
        windows.conversion_key,
        windows.conversion_type,
        windows.customer_id,

        weighed.touch_key,
        weighed.touch_type,
        weighed.channel,
        weighed.campaign_source,
        weighed.campaign_name,
        weighed.touch_number,
        weighed.number_of_touches,

        windows.currency,
        windows.amount,

        {% for model in attribution_models() -%}
            -- Twelve digits: sums of them are exact, in whatever order they are added.
            cast(round(coalesce(weighed.{{ model }}_weight, 1), 12) as decimal(38, 12))
                as {{ model }}_weight,
        {% endfor %}
        weighed.touched_at,
        windows.converted_at
    from windows
    left join weighed
        on windows.conversion_key = weighed.conversion_key
)

select * from final
