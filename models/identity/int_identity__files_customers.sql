-- Grain: one row per customer of a data set who has orders and no person record.

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

newest as (
    select *
    from unknown
    qualify row_number() over (
        partition by dataset, files_customer_id
        order by ordered_at desc nulls last, order_id asc, line_id asc
    ) = 1
),

span as (
    select
        dataset,
        files_customer_id,
        min(ordered_at) as first_seen_at,
        max(ordered_at) as last_seen_at
    from unknown
    group by dataset, files_customer_id
),

final as (
    select
        {{ record_key('files', 'customer', "newest.dataset || '/' || newest.files_customer_id") }}
            as record_key,
        newest.files_customer_id,
        newest.user_id,

        newest.dataset,
        newest.email,
        newest.country,

        span.first_seen_at,
        span.last_seen_at
    from newest
    inner join span
        on
            newest.dataset = span.dataset
            and newest.files_customer_id = span.files_customer_id
)

select * from final
