-- Grain: one row per number of repeat purchases and age: what those are expected to buy in the
-- horizon if they are still customers. BG/NBD's 2F1 as a sum over fixed nodes; see
-- docs/customer-value.md.
-- Terms are added as decimals: the same sum in whatever order a warehouse takes them.

{{ config(materialized='table', contract={'enforced': false}) }}

{% set nodes = 160 %}
{% set tail = 40 %}

with

histories as (
    select distinct
        repeat_purchases,
        age_days
    from {{ ref('int_finance__purchase_histories') }}
),

model as (
    select * from {{ ref('int_finance__value_model') }}
),

nodes as (
    {% for node in range(nodes) %}
        select {{ node }} as node
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Who is still a customer buys at a rate that is Gamma(shape, ...) and leaves with a probability
-- that is Beta(a, stays); alpha is in weeks, ages in days.
states as (
    select
        histories.repeat_purchases,
        histories.age_days,
        model.a,
        model.r + histories.repeat_purchases as shape,
        model.b + histories.repeat_purchases as stays,
        cast({{ var('value_horizon_days') }} as double)
        / (model.alpha * 7.0 + histories.age_days) as horizon
    from histories
    cross join model
),

scaled as (
    select
        *,
        ln(a / stays) as peak,
        least(1.0, sqrt(1.0 / a + 1.0 / stays)) as scale,
        (a + stays) * ln(1.0 + a / stays) as from_left,
        (a + stays) * ln(1.0 + stays / a) as from_right
    from states
),

-- How far the terms matter, on the scale of sinh.
reached as (
    select
        *,
        ({{ tail }} + from_left) / (a * scale) as far_left,
        ({{ tail }} + from_right) / (stays * scale) as far_right
    from scaled
),

bounded as (
    select
        *,
        -ln(far_left + sqrt(far_left * far_left + 1.0)) as first_place,
        ln(far_right + sqrt(far_right * far_right + 1.0)) as last_place
    from reached
),

placed as (
    select
        bounded.*,
        bounded.first_place
        + (bounded.last_place - bounded.first_place) * nodes.node / {{ nodes - 1 }}.0 as place
    from bounded
    cross join nodes
),

-- logit is of the probability to leave.
odds as (
    select
        *,
        (exp(place) + exp(-place)) / 2.0 as width,
        peak + scale * (exp(place) - exp(-place)) / 2.0 as logit
    from placed
),

-- Exponents far below are 0 to any purpose, and may be an error.
leaving as (
    select
        *,
        exp(greatest(-700.0, least(logit, 0.0))) / (1.0 + exp(greatest(-700.0, -abs(logit)))) as p,
        width * exp(greatest(
            -700.0,
            a * (logit - peak)
            - (a + stays)
            * (greatest(logit, 0.0) + ln(1.0 + exp(greatest(-700.0, -abs(logit)))))
            + from_left
        )) as weight
    from odds
),

-- Purchases at one probability, as a share of those if nobody left.
terms as (
    select
        *,
        case
            when horizon * p * (shape + 1.0) < 0.00001
                then 1.0 - (shape + 1.0) * horizon * p / 2.0
            else
                (1.0 - exp(greatest(-700.0, -shape * ln(1.0 + horizon * p))))
                / (shape * horizon * p)
        end as kept
    from leaving
),

final as (
    select
        repeat_purchases,
        age_days,

        shape
        * horizon
        * cast(sum(cast(weight * kept as decimal(38, 15))) as double)
        / cast(sum(cast(weight as decimal(38, 15))) as double)
            as expected_if_alive
    from terms
    group by repeat_purchases, age_days, shape, horizon
)

select * from final
