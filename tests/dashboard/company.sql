-- Rows of the marts; `{people}` customers, and lists of names (company.py). One statement a table.
insert into marts.customer_360 by name
select
    format('cus_{{:024x}}', i) as customer_id,
    format('{{}}.{{}}{{}}@example.com', lower(first), lower(last), i) as email,
    format('+1503206{{:04d}}', i % 10000) as phone,
    first || ' ' || last as full_name,
    'Company ' || (i % 997) as company,
    ['US', 'DE', 'FR', 'GB'][1 + i % 4] as country,
    'USD' as opportunity_currency, 'USD' as order_currency,
    {channels}[1 + (((i) * 2654435761) % 4294967296 // 65536) % 6] as first_touch_channel, {channels}[1 + i % 6] as last_touch_channel,
    0 as pipeline_value, 0 as won_value, 0 as open_opportunities, 0 as won_opportunities,
    0 as opportunities_in_other_currencies,
    case when i % 3 < 2 then 40 + (i * 37) % 400 + 0.25 else 0 end as lifetime_value,
    case when i % 3 < 2 then 1 + i % 4 else 0 end as number_of_orders,
    case when i = 4 then 2 else 0 end as orders_in_other_currencies,
    true as has_live_record, true as is_identified, i % 9 = 0 as has_opted_out_of_email,
    timestamp '2025-01-01' + to_days(cast((i * 13) % 360 as integer)) as first_seen_at,
    case when i % 3 < 2 then timestamp '2025-01-03' + to_days(cast((i * 13) % 360 as integer)) end as first_ordered_at,
    first_ordered_at as last_ordered_at,
    timestamp '2025-12-31 12:00' - to_minutes(i) as last_activity_at
from (
    select range as i, {first}[1 + range % 12] as first, {last}[1 + (range // 12) % 11] as last from range(1, {people} + 1)
);
insert into marts.fct_orders by name
select
    'segment:order:' || range as order_key, 'segment' as source_system, 'o' || range as order_id,
    format('cus_{{:024x}}', 1 + (range * 7919 + range // {people}) % {people}) as customer_id, ['US', 'DE'][1 + range % 2] as country,
    case when range % 10 = 0 then 'EUR' else 'USD' end as currency,
    (case when range % 50 = 0 then -1 else 1 end) * ((range * 31) % 9000 + 990) / 100.0 as amount,
    1 as number_of_lines, range % 50 = 0 as is_cancellation,
    timestamp '2025-01-01 08:00' + to_minutes(cast((range * 7717) % 518400 as integer)) as ordered_at
from range({people} * 3);
insert into marts.customer_rfm by name
select customer_id, order_currency as currency, lifetime_value as net_amount, cast(first_ordered_at as date) as first_purchase_day,
    date '2025-12-31' as cutoff_day
from marts.customer_360 where number_of_orders > 0;
insert into marts.customer_value_scores by name
select customer_id, currency, 0.5 as probability_alive, net_amount * 0.4 as expected_value, 365 as horizon_days, cutoff_day
from marts.customer_rfm;
insert into marts.fct_opportunities by name
select
    system || ':opportunity:' || i as opportunity_key, system as source_system, cast(i as varchar) as opportunity_id,
    format('cus_{{:024x}}', 1 + (i * 104729) % {people}) as customer_id, 'owner ' || (i % 11) as owner_id,
    'Deal ' || i as opportunity_name, stage as stage_name,
    case when not is_closed and i % 50 = 7 then 'unmapped' else
        ['new', 'qualified', 'proposal', 'negotiation', 'won', 'lost'][list_position({stages}, stage)] end as stage,
    case when not is_closed and i % 50 = 7 then null else list_position({stages}, stage) end as stage_position,
    case when i % 8 = 7 then 'EUR' else 'USD' end as currency,
    case when i % 40 = 11 then null else 500 + (i * 977) % 90000 + 0.5 end as amount,
    case stage when 'Closed Won' then 1 when 'Closed Lost' then 0 else 0.1 * (1 + i % 6) end as probability,
    amount * probability as expected_amount,
    case when is_closed and system = 'salesforce' then 86400 * (10 + i % 80) end as seconds_to_close,
    case when is_closed and i % 70 <> 9 then coalesce(seconds_to_close / 86400, 20 + i % 60) end as sales_cycle_days,
    is_closed, stage = 'Closed Won' as is_won, i % 60 = 13 as is_deleted,
    date '2025-02-01' + cast((i * 17) % 330 as integer) as close_on,
    timestamp '2025-01-10' + to_days(cast((i * 17) % 300 as integer)) as created_at,
    cast(close_on as timestamp) as stage_entered_at
from (
    select range as i, {stages}[1 + (((range) * 2654435761) % 4294967296 // 65536) % 6] as stage, starts_with(stage, 'Closed') as is_closed,
        ['salesforce', 'hubspot'][1 + (((range + 7) * 2654435761) % 4294967296 // 65536) % 2] as system
    from range({people} * 2)
);
insert into marts.fct_channel_returns by name
select
    model as attribution_model, month_of, channel, '(none)' as campaign_name, 'USD' as currency,
    (1 + length(model) * length(channel) % 13 + month(month_of)) as conversions,
    conversions * 83.25 as won_amount,
    case when channel in ('paid_search', 'social') then 700 + 50 * month(month_of) else 0 end as spent_amount
from (select unnest({models}) as model), (select unnest({channels}) as channel),
    (select cast(unnest(generate_series(date '2025-01-01', date '2025-12-01', interval 1 month)) as date) as month_of);
insert into marts.fct_funnel_conversions by name
select
    funnel as funnel_name, entered_on, number as step_number, names[number] as step_name,
    100 + dayofyear(entered_on) % 23 as customers_entered,
    cast(floor(customers_entered * list_extract([1.0, 0.47, 0.21], number) * (1 - 0.08 * (number - 1) * sin(dayofyear(entered_on) / 11.0))) as bigint) as customers_reached
from (
    select 'purchase' as funnel, ['product_viewed', 'product_added', 'order_completed'] as names
    union all select 'activation', ['signed_up', 'order_completed']
), (select cast(unnest(generate_series(date '2025-10-01', date '2025-12-31', interval 1 day)) as date) as entered_on),
    (select unnest([1, 2, 3]) as number)
where number <= len(names);
insert into marts.fct_retention by name
select
    cohort_month, cast(cohort_month + to_months(cast(months_since as integer)) as date) as active_month, months_since,
    200 + 10 * month(cohort_month) as customers_in_cohort,
    cast(floor(customers_in_cohort / (1 + months_since * 0.9)) as bigint) as customers_active,
    active_month < date '2025-12-01' as is_complete
from (select cast(unnest(generate_series(date '2025-03-01', date '2025-12-01', interval 1 month)) as date) as cohort_month),
    (select range as months_since from range(12))
where cohort_month + to_months(cast(months_since as integer)) <= date '2025-12-01';
insert into marts.fct_engagement by name
select active_on, cast(40 + 9 * sin(dayofyear(active_on) / 3.0) as bigint) as daily_active_customers,
    cast(150 + 20 * sin(dayofyear(active_on) / 15.0) as bigint) as weekly_active_customers, cast(400 + dayofyear(active_on) / 5 as bigint) as monthly_active_customers,
    daily_active_customers / monthly_active_customers as stickiness
from (select cast(unnest(generate_series(date '2025-07-01', date '2025-12-31', interval 1 day)) as date) as active_on);
insert into marts.fct_touches by name
select 'segment:session:' || range as touch_key, format('cus_{{:024x}}', 1 + (range * 31 + range // {people}) % {people}) as customer_id,
    case when range % 5 = 0 then 'campaign_response' else 'web_session' end as touch_type, {channels}[1 + range % 6] as channel,
    'https://shop.example.com/p/' || (range % 40) as landing_url,
    timestamp '2025-01-02' + to_minutes(cast((range * 7919) % 510000 as integer)) as touched_at
from range({people} * 5);
