-- Grain: one row per customer of a data set who has orders and no person record.
-- Of each key the newest that any order has: an order without an address must not cut a tie that
-- the ones before it made.

{%- set fields = ['user_id', 'email', 'country'] %}

with

order_lines as (
    select * from {{ ref('stg_files__order_lines') }}
    where
        files_customer_id is not null
        and not is_deleted
),

people as (
    select * from {{ ref('stg_files__people') }}
),

unknown as (
    select order_lines.*
    from order_lines
    left join people
        on
            order_lines.dataset = people.dataset
            and order_lines.files_customer_id = people.person_id
    where people.person_id is null
),

ranked as (
    select
        *,
        {%- for field in fields %}
            row_number() over (
                partition by dataset, files_customer_id
                order by
                    case when {{ field }} is null then 1 else 0 end asc,
                    ordered_at desc nulls last,
                    order_id asc,
                    line_id asc
            ) as {{ field }}_rank
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from unknown
),

final as (
    select
        {{ record_key('files', 'customer', "dataset || '/' || files_customer_id") }} as record_key,
        files_customer_id,

        dataset,
        {%- for field in fields %}
            max(case when {{ field }}_rank = 1 then {{ field }} end) as {{ field }},
        {%- endfor %}

        min(ordered_at) as first_seen_at,
        max(ordered_at) as last_seen_at
    from ranked
    group by dataset, files_customer_id
)

select * from final
