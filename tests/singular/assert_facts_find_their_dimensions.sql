-- Harm: a fact whose key leads nowhere drops out of every inner join, and sums by owner, campaign
-- or month are smaller than the sum. A warning: what is not extracted has no rows to find.

{% set keys = [
    ('fct_opportunities', 'account_key', 'dim_accounts', 'account_key'),
    ('fct_opportunities', 'owner_key', 'dim_users', 'user_key'),
    ('fct_opportunities', 'campaign_key', 'dim_campaigns', 'campaign_key'),
    ('fct_opportunities', 'created_on', 'dim_dates', 'date_day'),
    ('fct_opportunities', 'close_on', 'dim_dates', 'date_day'),
    ('fct_opportunity_stage_changes', 'entered_on', 'dim_dates', 'date_day'),
    ('fct_orders', 'ordered_on', 'dim_dates', 'date_day'),
    ('fct_campaign_members', 'campaign_key', 'dim_campaigns', 'campaign_key'),
    ('fct_touches', 'campaign_key', 'dim_campaigns', 'campaign_key'),
] -%}
{{ config(severity='warn', meta={'owner': 'data', 'domain': 'core'}) }}

with

{% for fact, column, dimension, key in keys -%}
    lost_{{ loop.index }} as (
        select facts.{{ column }}
        from {{ ref(fact) }} as facts
        left join {{ ref(dimension) }} as dimensions
            on facts.{{ column }} = dimensions.{{ key }}
        where
            facts.{{ column }} is not null
            and dimensions.{{ key }} is null
    ),

{% endfor -%}
final as (
    {% for fact, column, dimension, key in keys -%}
        select
            '{{ fact }}' as fact,
            '{{ column }}' as fact_column,
            '{{ dimension }}' as dimension,
            count(*) as number_of_rows
        from lost_{{ loop.index }}
        having count(*) > 0
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
)

select * from final
