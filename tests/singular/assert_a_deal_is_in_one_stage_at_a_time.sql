-- Harm: visits that overlap count a deal in two stages of one day, visits with a gap in none: the
-- pipeline of a past day would be wrong, and no sum would tell.

{{ config(severity='error', meta={'owner': 'sales_operations', 'domain': 'sales'}) }}

with

changes as (
    select * from {{ ref('fct_opportunity_stage_changes') }}
),

ordered as (
    select
        opportunity_key,
        visit_number,
        is_current,
        entered_at,
        left_at,
        lead(entered_at) over (
            partition by opportunity_key
            order by entered_at asc nulls last, visit_number asc
        ) as next_entered_at,
        lead(visit_number) over (
            partition by opportunity_key
            order by entered_at asc nulls last, visit_number asc
        ) as next_visit_number
    from changes
),

final as (
    select
        opportunity_key,
        visit_number,
        entered_at,
        left_at,
        next_entered_at
    from ordered
    where
        left_at < entered_at
        or is_current <> (next_visit_number is null)
        or coalesce(next_visit_number, visit_number + 1) <> visit_number + 1
        or coalesce(left_at, cast('9999-12-31' as timestamp))
        <> coalesce(next_entered_at, cast('9999-12-31' as timestamp))
)

select * from final
