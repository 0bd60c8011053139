-- Grain: one row per table and day (UTC) on which it was loaded, with the rule of
-- contracts/load_anomalies.yml that covers it. The first rule that fits decides; that for all the
-- rest is last.

with

loads as (
    select * from {{ ref('int_ops__loads') }}
),

rules as (
    select * from {{ ref('load_anomaly_rules') }}
),

tables as (
    select
        table_name,
        max(owner) as owner
    from loads
    group by table_name
),

covering as (
    select
        tables.table_name,
        tables.owner,
        min(rules.rule_rank) as rule_rank
    from tables
    inner join rules
        on tables.table_name like rules.table_pattern escape '!'
    group by tables.table_name, tables.owner
),

days as (
    select
        table_name,
        loaded_on,
        sum(rows_brought) as rows_brought,
        count(*) as number_of_loads
    from loads
    group by table_name, loaded_on
),

final as (
    select
        days.table_name,
        days.loaded_on,
        -- 0 is Monday.
        mod({{ dbt.datediff(
            "cast('2000-01-03' as date)", 'days.loaded_on', 'day'
        ) }}, 7) as day_of_week,
        days.rows_brought,
        days.number_of_loads,
        coalesce(rules.owner, covering.owner, 'data') as owner,
        rules.severity,
        rules.sensitivity,
        rules.history_days,
        rules.least_days,
        rules.least_rows,
        rules.least_hours,
        rules.history_from
    from days
    inner join covering
        on days.table_name = covering.table_name
    inner join rules
        on covering.rule_rank = rules.rule_rank
)

select * from final
