-- Grain: one row per model of credit, month, channel, campaign and currency: what it won, what it
-- cost.
-- Conversions count in the month they happened in, spend in the month of its day. What won without
-- costing and what cost without winning are rows too.

with

attribution as (
    select
        *,
        cast({{ dbt.date_trunc('month', 'converted_at') }} as date) as won_in
    from {{ ref('fct_attribution') }}
),

spend as (
    select
        cast({{ dbt.date_trunc('month', 'spent_on') }} as date) as month_of,
        lower(trim(channel)) as channel,
        nullif(trim(campaign_name), '') as campaign_name,
        upper(trim(currency)) as currency,
        sum(amount) as spent_amount
    from {{ ref('marketing_spend') }}
    group by
        cast({{ dbt.date_trunc('month', 'spent_on') }} as date),
        lower(trim(channel)),
        nullif(trim(campaign_name), ''),
        upper(trim(currency))
),

sums as (
    select
        {% for model in attribution_models() -%}
            sum({{ model }}_share) as {{ model }}_conversions,
            sum({{ model }}_share * amount) as {{ model }}_amount,
        {% endfor %}
        won_in as month_of,
        channel,
        campaign_name,
        currency
    from attribution
    group by won_in, channel, campaign_name, currency
),

won as (
    {% for model in attribution_models() -%}
        select
            '{{ model }}' as attribution_model,
            month_of,
            channel,
            campaign_name,
            currency,
            {{ model }}_conversions as conversions,
            {{ model }}_amount as won_amount,
            cast(0 as decimal(18, 4)) as spent_amount
        from sums

        union all

        select
            '{{ model }}' as attribution_model,
            month_of,
            channel,
            campaign_name,
            currency,
            cast(0 as decimal(12, 9)) as conversions,
            cast(0 as decimal(18, 4)) as won_amount,
            spent_amount
        from spend
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
),

final as (
    select
        cast(attribution_model as {{ dbt.type_string() }}) as attribution_model,
        month_of,
        cast(channel as {{ dbt.type_string() }}) as channel,
        cast(coalesce(campaign_name, '(none)') as {{ dbt.type_string() }}) as campaign_name,
        cast(currency as {{ dbt.type_string() }}) as currency,

        cast(sum(conversions) as decimal(18, 9)) as conversions,
        cast(coalesce(sum(won_amount), 0) as decimal(18, 4)) as won_amount,
        cast(sum(spent_amount) as decimal(18, 4)) as spent_amount,
        cast(
            case when sum(spent_amount) > 0 then sum(won_amount) / sum(spent_amount) end
            as decimal(18, 4)
        ) as return_on_spend
    from won
    group by attribution_model, month_of, channel, campaign_name, currency
)

select * from final
