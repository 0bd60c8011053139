-- Harm: an order whose lines are in two currencies would be summed as if they were one.

{{ config(severity='error', meta={'owner': 'finance', 'domain': 'finance'}) }}

with

final as (
    select
        order_key,
        count(distinct currency) as currencies
    from {{ ref('fct_order_lines') }}
    group by order_key
    having count(distinct currency) > 1
)

select * from final
