-- Grain: one row per order, from Segment's "Order Completed" calls and from files.
-- Orders without a known customer stay with a null customer_id, and cancellations stay with
-- negative amounts: revenue is complete, and sums need no correction.

with

order_calls as (
    select * from {{ ref('int_finance__order_calls') }}
),

files_lines as (
    select * from {{ ref('stg_files__order_lines') }}
    where not is_deleted
),

order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

rates as (
    select * from {{ ref('int_finance__currency_rates') }}
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where
        identifier_status = 'usable'
        and identifier_type in ('email', 'user_id')
),

email_domains as (
    select * from {{ ref('email_domains') }}
),

-- A value leads to the customer of its records; to nobody where a cut, or a graph that waits for
-- approval, leaves it with two.
customers_by_value as (
    select
        identifiers.identifier_type,
        identifiers.identifier_value,
        min(xref.customer_id) as customer_id
    from identifiers
    inner join xref
        on identifiers.record_key = xref.record_key
    group by identifiers.identifier_type, identifiers.identifier_value
    having min(xref.customer_id) = max(xref.customer_id)
),

line_sums as (
    select
        order_key,
        sum(amount) as goods_amount,
        count(*) as number_of_lines
    from order_lines
    group by order_key
),

segment_orders as (
    select
        {{ record_key('segment', 'order', 'order_id') }} as order_key,
        'segment' as source_system,
        null as dataset,
        order_id,
        coalesce(
            {{ record_key('segment', 'user', 'user_id') }},
            {{ record_key('segment', 'anonymous', 'anonymous_id') }}
        ) as record_key,
        null as other_record_key,
        user_id,
        null as email,
        null as country,
        upper(currency) as currency,
        coupon,
        coalesce(
            try_cast({{ json_text('properties', 'total') }} as decimal(18, 4)),
            try_cast({{ json_text('properties', 'revenue') }} as decimal(18, 4))
        ) as amount,
        try_cast({{ json_text('properties', 'shipping') }} as decimal(18, 4)) as shipping_amount,
        try_cast({{ json_text('properties', 'discount') }} as decimal(18, 4)) as discount_amount,
        ordered_at
    from order_calls
),

-- Keys of the customer are the same on every line of an order; where a line lacks one, another
-- line's counts. The amount is that of the lines.
files_orders as (
    select
        {{ record_key('files', 'order', "dataset || '/' || order_id") }} as order_key,
        'files' as source_system,
        dataset,
        order_id,
        {{ record_key('files', 'person', "dataset || '/' || min(files_customer_id)") }}
            as record_key,
        {{ record_key('files', 'customer', "dataset || '/' || min(files_customer_id)") }}
            as other_record_key,
        min(user_id) as user_id,
        min(email) as email,
        min(country) as country,
        upper(min(currency)) as currency,
        null as coupon,
        null as amount,
        null as shipping_amount,
        null as discount_amount,
        min(ordered_at) as ordered_at
    from files_lines
    group by dataset, order_id
),

every as (
    select * from segment_orders

    union all

    select * from files_orders
),

valued as (
    select
        every.*,
        line_sums.goods_amount,
        coalesce(line_sums.number_of_lines, 0) as number_of_lines,
        cast(coalesce(every.amount, line_sums.goods_amount, 0) as decimal(18, 4)) as total_amount
    from every
    left join line_sums
        on every.order_key = line_sums.order_key
),

converted as (
    select
        valued.*,
        cast(
            {{ reporting_amount('valued.total_amount', 'valued.currency', 'rates.rate') }}
            as decimal(18, 4)
        ) as reporting_amount
    from valued
    left join rates
        on
            valued.currency = rates.currency
            and cast(valued.ordered_at as date) = rates.date_day
),

final as (
    select
        cast(orders.order_key as {{ dbt.type_string() }}) as order_key,
        cast(orders.source_system as {{ dbt.type_string() }}) as source_system,
        cast(orders.dataset as {{ dbt.type_string() }}) as dataset,
        cast(orders.order_id as {{ dbt.type_string() }}) as order_id,
        cast(
            coalesce(
                xref.customer_id,
                other_xref.customer_id,
                by_user_id.customer_id,
                by_email.customer_id
            ) as {{ dbt.type_string() }}
        ) as customer_id,

        cast(orders.country as {{ dbt.type_string() }}) as country,
        cast(orders.currency as {{ dbt.type_string() }}) as currency,
        cast(orders.coupon as {{ dbt.type_string() }}) as coupon,

        orders.total_amount as amount,
        orders.reporting_amount,
        cast(orders.goods_amount as decimal(18, 4)) as goods_amount,
        cast(orders.shipping_amount as decimal(18, 4)) as shipping_amount,
        cast(orders.discount_amount as decimal(18, 4)) as discount_amount,
        cast(orders.number_of_lines as {{ dbt.type_bigint() }}) as number_of_lines,

        orders.total_amount < 0 as is_cancellation,
        orders.reporting_amount is null as has_missing_rate,

        cast(orders.ordered_at as date) as ordered_on,
        orders.ordered_at
    from converted as orders
    left join xref
        on orders.record_key = xref.record_key
    left join xref as other_xref
        on orders.other_record_key = other_xref.record_key
    left join customers_by_value as by_user_id
        on
            by_user_id.identifier_type = 'user_id'
            and trim(orders.user_id) = by_user_id.identifier_value
    left join email_domains
        on {{ email_domain('orders.email') }} = email_domains.domain
    left join customers_by_value as by_email
        on
            by_email.identifier_type = 'email'
            and {{ normalised_email('orders.email', 'email_domains') }} = by_email.identifier_value
)

select * from final
