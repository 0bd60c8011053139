-- Sessions are made by the numbers of visitors: two with one number would have each other's calls in
-- their sessions.

select
    visitor_number,
    min(visitor_key) as one,
    max(visitor_key) as other
from {{ ref('int_product__events') }}
where not is_gone
group by visitor_number
having min(visitor_key) <> max(visitor_key)
