-- Harm: sessions are made by the numbers of visitors; two with one number would have each other's
-- calls in their sessions, and unique tests of sessions would not notice.

{{ config(severity='error', meta={'owner': 'product', 'domain': 'product'}) }}

with

events as (
    select * from {{ ref('int_product__events') }}
    where not is_gone
),

final as (
    select
        visitor_number,
        min(visitor_key) as one_visitor_key,
        max(visitor_key) as other_visitor_key
    from events
    group by visitor_number
    having min(visitor_key) <> max(visitor_key)
)

select * from final
