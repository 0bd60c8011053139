-- Harm: credit that does not add up to the conversions counts money twice, or loses it.

{{ config(severity='error', meta={'owner': 'marketing', 'domain': 'marketing'}) }}

with

attribution as (
    select * from {{ ref('fct_attribution') }}
),

final as (
    select conversion_key
    from attribution
    group by conversion_key
    having
        {% for model in attribution_models() -%}
            cast(sum({{ model }}_share) as decimal(18, 9)) <> 1
            or min({{ model }}_share) < 0
            or
        {% endfor %}
        count(*) < 1
)

select * from final
