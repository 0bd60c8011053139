{#- Two common table expressions that read rows of `customer_ids` (the relation `rows`) as the state they end in:
    `name`, one row for each id ever issued: the record it was minted from, the record it goes by now, and the living
    customer that its newest row names (itself, the one it was merged into, null once it is closed). -#}
{% macro ledger_state(rows, name='ledger') -%}
ledger_rows as (
        select
            *,
            row_number() over (
                partition by customer_id, case when change_type = 'moved' then 1 else 0 end
                order by change_number desc
            ) as age_of_kind,
            row_number() over (
                partition by customer_id
                order by change_number desc, change_type asc
            ) as age
        from {{ rows }}
    ),

    {{ name }} as (
        select
            customer_id,
            max(case when change_type in ('minted', 'split') then anchor_record_key end)
                as own_record_key,
            max(case when age = 1 then anchor_record_key end) as anchor_record_key,
            max(case when change_type in ('minted', 'split') then anchor_created_at end)
                as anchor_created_at,
            max(case when change_type in ('minted', 'split') then change_number end) as issued_number,
            max(case when change_type in ('minted', 'split') then changed_at end) as issued_at,
            max(case
                when change_type = 'moved' or age_of_kind > 1 then null
                when change_type = 'merged' then other_customer_id
                when change_type <> 'closed' then customer_id
            end) as living_customer_id
        from ledger_rows
        group by customer_id
    )
{%- endmacro %}
