{#- Two common table expressions that read rows of `customer_ids` (the relation `rows`) as the state they end in:
    `name`, one row for each id ever issued: the record it was minted from, the record it goes by now, and the living
    customer that its newest row names (itself, the one it was merged into, null once it is closed). -#}
{% macro ledger_state(rows, name='ledger') -%}
ledger_rows as (
        select
            *,
            -- The newest row is the one of the highest rank; of one build, the first by its type.
            change_number * 10 - case change_type
                when 'closed' then 1
                when 'merged' then 2
                when 'minted' then 3
                when 'moved' then 4
                when 'restored' then 5
                else 6
            end as change_rank
        from {{ rows }}
    ),

    -- Aggregates, not windows: those would sort the ledger.
    {{ name }} as (
        select
            customer_id,
            max(case when change_type in ('minted', 'split') then anchor_record_key end)
                as own_record_key,
            max_by(anchor_record_key, change_rank) as anchor_record_key,
            max(case when change_type in ('minted', 'split') then anchor_created_at end)
                as anchor_created_at,
            max(case when change_type in ('minted', 'split') then change_number end) as issued_number,
            max(case when change_type in ('minted', 'split') then changed_at end) as issued_at,
            nullif(
                max_by(
                    case change_type
                        when 'merged' then other_customer_id
                        when 'closed' then ''
                        when 'moved' then ''
                        else customer_id
                    end,
                    case when change_type = 'moved' then -1 else change_rank end
                ),
                ''
            ) as living_customer_id
        from ledger_rows
        group by customer_id
    )
{%- endmacro %}
